"""How far a training is: lines where there is no terminal, a bar with its total where there is one."""

import re

import pytest

BAR = "--trainer.enable_progress_bar=true"


def test_without_a_terminal_there_are_lines(lego, capsys):
    lego("--run", "r", "--trainer.max_steps", "6", BAR, "--trainer.log_every_n_steps", "2")
    out = capsys.readouterr().out
    number = r"\d[\d.e+-]*"
    lines = [line for line in out.splitlines() if line.startswith("step ")]
    training = rf"step (\d) of 6, train/loss {number}, train/acc {number}, {number} steps/s, \d:\d\d:\d\d left"
    validation = rf"step (\d) of 6, val/loss {number}, val/acc {number}, val/chance {number}"
    assert [match[1] for line in lines if (match := re.fullmatch(training, line))] == ["2", "4", "6"]
    assert [match[1] for line in lines if (match := re.fullmatch(validation, line))] == ["3", "6"]
    assert len(lines) == 5 and "it/s" not in out
    lego("--run", "r", "--resume", "--trainer.max_steps", "8", BAR, "--trainer.log_every_n_steps", "2")
    assert "step 8 of 8, train/loss" in capsys.readouterr().out


def test_no_progress_means_none(lego, capsys):
    lego("--trainer.max_steps", "2")
    assert "step " not in capsys.readouterr().out


def test_a_resumed_bar_has_its_total(lego):
    own = "--trainer.callbacks+=wavspa_lit.callbacks.progress.Bar"
    lego("--run", "r", "--trainer.max_steps", "4", BAR, own)
    bar = lego("--run", "r", "--trainer.max_steps", "6", "--resume", BAR, own).trainer.progress_bar_callback
    assert (bar.train_progress_bar.initial, bar.train_progress_bar.n, bar.train_progress_bar.total) == (4, 6, 6)


@pytest.mark.parametrize(
    "bar,handed_over",
    [("wavspa_lit.callbacks.progress.Bar", False), ("lightning.pytorch.callbacks.TQDMProgressBar", True)],
    ids=["ours", "Lightning's"],
)
def test_bars_show_the_loss(lego, bar, handed_over):
    """Handing a value to a bar makes Lightning wait for the GPU at every step; ours reads it when it is logged."""
    trainer = lego("--trainer.max_steps", "3", BAR, f"--trainer.callbacks+={bar}").trainer
    assert "train/loss=" in trainer.progress_bar_callback.train_progress_bar.postfix
    assert ("train/loss" in trainer.progress_bar_metrics) == handed_over
