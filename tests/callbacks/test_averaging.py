"""Averaged weights."""

import json

import torch

from wavspa_lit.cli import run


def test_averages_are_validated_and_kept(lego, tmp_path):
    lego("--trainer.max_steps", "3", "--run", "plain")
    lego("--trainer.max_steps", "3", "--run", "ema", "--trainer.callbacks+=wavspa_lit.callbacks.EMA")
    plain = torch.load("plain/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    checkpoint = torch.load("ema/checkpoints/last.ckpt", weights_only=True)
    average = checkpoint["state_dict"]
    current = {name.removeprefix("module."): value for name, value in checkpoint["current_model_state"].items()}
    assert all(torch.equal(plain[name], current[name]) for name in plain)
    assert any(not torch.equal(plain[name], average[name]) for name in plain)
    quiet = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    run(["test", "--ckpt_path", "ema/checkpoints/last.ckpt", *quiet])  # the average, without the callback's help
    assert 0 <= json.loads((tmp_path / "ema" / "results.json").read_text())["test"]["test/acc"] <= 1
