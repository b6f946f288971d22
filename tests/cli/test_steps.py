"""Steps: presets, trainings without an end, accumulation that leaves a remainder, early stopping, precision."""

import json
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

from wavspa_lit.reporting.events import Events


@pytest.mark.parametrize("name", ["fast", "overfit", "profile"])
def test_the_debug_presets_run(lego, configs, name):
    trainer = lego("-c", str(configs / "debug" / f"{name}.yaml"), "--trainer.max_steps", "6", "--run", "r").trainer
    assert trainer.global_step == (2 if name == "fast" else 6)


def test_overfitting_repeats_its_batches(lego, configs):
    cli = lego("-c", str(configs / "debug" / "overfit.yaml"), "--trainer.max_steps", "6")
    loader = cli.trainer.train_dataloader
    epochs = []
    for epoch in (0, 5):
        loader.sampler.set_epoch(epoch)
        epochs.append(next(iter(loader))["tokens"])
    assert torch.equal(*epochs)


def test_a_training_without_an_end_needs_a_schedule_without_one(lego):
    endless = ("--trainer.max_steps", "-1", "--trainer.max_epochs", "-1", "--trainer.max_time", "00:00:00:01")
    for schedule in ("constant", "rsqrt"):
        assert lego(*endless, "--model.optimizer.schedule", schedule).trainer.global_step > 0
    assert lego(*endless, "--model.optimizer.total_steps", "9").trainer.global_step > 0
    with pytest.raises(Exception, match="cosine has to know when the training ends"):
        lego(*endless)


@pytest.mark.parametrize("together", [4, 16])
def test_the_last_step_of_an_epoch_takes_the_mean_of_what_it_holds(lego, together, caplog):
    """96 examples in batches of 16 are 6: with 4 at a time the last step holds 2, with 16 the only one holds 6."""
    flags = ("--trainer.accumulate_grad_batches", str(together), "--model.encoder.dropout", "0")
    flags += ("--trainer.gradient_clip_val", "null", "--trainer.val_check_interval", "6")
    caplog.set_level("INFO")
    cli = lego(*flags, "--trainer.max_epochs", "1", "--trainer.max_steps", "-1")
    assert "mean of" in caplog.text
    task, left = cli.model, 6 % together
    task.trainer.fit_loop.max_epochs = 1
    batch = {name: value for name, value in next(iter(cli.trainer.train_dataloader)).items()}
    task.train()
    expected, _ = task.loss(task(batch), task.trained_labels(batch))
    task.log = lambda *_, **__: None
    scaled = task.training_step(batch, 5)
    torch.testing.assert_close(scaled / together, expected / left)
    first = task.training_step(batch, 0)
    torch.testing.assert_close(first, expected if left < 6 else expected * together / left)


def test_early_stopping_keeps_its_best_value_and_patience(lego):
    def stopping(*flags):
        callbacks = ("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor", "val/loss")
        cli = lego(*callbacks, "--trainer.callbacks.patience", "9", *flags, "--model.optimizer.total_steps", "12")
        return next(each for each in cli.trainer.callbacks if isinstance(each, EarlyStopping)).state_dict()

    whole = stopping("--run", "whole", "--trainer.max_steps", "12")
    stopping("--run", "parts", "--trainer.max_steps", "7")
    parts = stopping("--run", "parts", "--trainer.max_steps", "12", "--resume")
    assert parts == whole and torch.isfinite(whole["best_score"])


@pytest.mark.parametrize("precision", ["16-true", "bf16-true", "64-true"])
def test_every_precision_trains(lego, precision):
    flags = ("--trainer.precision", precision, "--model.optimizer.eps", "1e-4", "--trainer.max_steps", "3")
    assert lego(*flags).trainer.global_step == 3


def test_half_precision_that_would_divide_by_zero_is_refused(lego, refused):
    assert "eps 1e-08 is 0 in float16" in refused("fit", "-c", "configs/lego.yaml", "--trainer.precision", "16-true")


def test_logging_may_be_switched_off(lego):
    assert lego("--trainer.log_every_n_steps", "0", "--trainer.max_steps", "3").trainer.global_step == 3


def test_values_between_logged_steps_are_not_lost(lego):
    """The first step tells callbacks which values there are, the last one is what results.json says."""
    each, seldom = (
        lego(
            "--run",
            every,
            "--trainer.max_steps",
            "5",
            "--trainer.log_every_n_steps",
            every,
            "--trainer.max_epochs",
            "-1",
        )
        for every in ("1", "50")
    )
    results = [json.loads(Path(run, "results.json").read_text())["fit"] for run in ("1", "50")]
    assert results[0]["train/loss"] == results[1]["train/loss"] and results[0]["train/acc"] == results[1]["train/acc"]
    curves = [Events(run).curve("train/loss") for run in ("1", "50")]
    assert [step for step, _ in curves[0]] == [0, 1, 2, 3, 4] and curves[1] == []
    assert float(seldom.trainer.callback_metrics["train/loss"]) == float(each.trainer.callback_metrics["train/loss"])
