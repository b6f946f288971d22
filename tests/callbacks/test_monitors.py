"""Sizes of gradients, and speed."""

import itertools
from types import SimpleNamespace

import pytest

from wavspa_lit.callbacks import monitors
from wavspa_lit.nn.cost import forward_flops
from wavspa_lit.reporting.events import Events


def curve(folder, name):
    return dict(Events(folder).curve(name))


def test_gradient_norms_and_speeds_are_logged(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "3")
    for tag in ("train/gradient_norm", "speed/tokens_per_second", "speed/sequences_per_second"):
        values = curve(tmp_path / "r", tag)
        assert len(values) == 3 and all(value > 0 for value in values.values()), tag


def test_gradient_norms_are_those_of_the_step_they_are_logged_at(lego, tmp_path):
    for name, every in (("all", "1"), ("some", "2")):
        lego("--run", name, "--trainer.max_steps", "4", "--trainer.log_every_n_steps", every)
    whole, some = (curve(tmp_path / name, "train/gradient_norm") for name in ("all", "some"))
    assert some == {step: whole[step] for step in (1, 3)}


def test_speeds_count_all_batches_between_two_logged_steps(lego, tmp_path, monkeypatch):
    ticks = itertools.count(1)
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))  # read at the start and at the end: one second
    monkeypatch.setattr(monitors, "time", clock)
    flags = ("--trainer.accumulate_grad_batches", "2", "--trainer.log_every_n_steps", "2")
    lego(
        "--run", "r", "--data.num_train", "128", "--trainer.max_steps", "4", "--trainer.val_check_interval", "8", *flags
    )
    assert curve(tmp_path / "r", "speed/sequences_per_second") == {1: 4 * 16, 3: 4 * 16}


def test_mfu_is_a_share_of_the_peak(lego, tmp_path, monkeypatch):
    """A CPU's peak is not known; here it is one operation a second."""
    monkeypatch.setattr(monitors, "peak_flops", lambda device, dtype: 1)
    cli = lego("--run", "r", "--trainer.max_steps", "2", "--trainer.log_every_n_steps", "1")
    length = cli.datamodule.trained_length
    tokens, mfu = (curve(tmp_path / "r", f"speed/{name}") for name in ("tokens_per_second", "mfu"))
    operations = 3 * forward_flops(cli.model.encoder, length) / length
    assert mfu == pytest.approx({step: rate * operations for step, rate in tokens.items()}, rel=1e-5) and len(mfu) == 2
