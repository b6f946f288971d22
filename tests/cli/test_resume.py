"""Interrupted trainings end as undisturbed ones do, bit by bit; benchmarks/resume_fuzz.py tries many more places."""

import pytest
from interrupt import Setting, differences, fit, interrupted

CASES = [
    (Setting(), "sigterm", "backward", 7),
    (Setting(workers=2), "group", "validation", 4),
    (Setting(workers=2), "kill", "batch_end", 9),
    (Setting(accumulate=4, ema=True), "exception", "batch_start", 30),
    (Setting(accumulate=4), "kill", "backward", 35),  # from a validation between two optimiser steps
    (Setting(ema=True), "sigint", "validation", 4),
    (Setting(tied=True), "sigterm", "backward", 7),
]
SLOW = [
    (Setting(workers=2, accumulate=4, ema=True, ranks=2), "sigterm", "batch_end", 20),
    (Setting(accumulate=4, ema=True, ranks=2), "exception", "backward", 38),
    (Setting(workers=2, ranks=2), "kill", "batch_start", 10),
]
NAMES = [f"{how}-{where}{'-tied' * setting.tied}" for setting, how, where, _ in CASES]


def continued(tmp_path, setting, how, where, batch):
    """What differs between a training that was interrupted and one that was not."""
    whole = fit(setting, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    problem = interrupted(setting, tmp_path / "parts", how, where, batch)
    return [problem] if problem else differences(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize(("setting", "how", "where", "batch"), CASES, ids=NAMES)
def test_an_interrupted_training_continues_in_bits(tmp_path, setting, how, where, batch):
    assert continued(tmp_path, setting, how, where, batch) == []


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "how", "where", "batch"), SLOW)
def test_two_ranks_continue_in_bits(tmp_path, setting, how, where, batch):
    assert continued(tmp_path, setting, how, where, batch) == []


def test_a_training_that_has_not_begun_ends_at_once(tmp_path):
    """It may have to compile for longer than a cluster waits, and there is nothing to save."""
    callback = ["--trainer.callbacks+=interrupt.Interrupt", "--trainer.callbacks.how=sigterm"]
    place = ["--trainer.callbacks.where=sanity_check", "--trainer.callbacks.batch=0"]
    stopped = fit(Setting(workers=2), tmp_path / "run", *callback, *place)
    assert stopped.returncode == 143 and not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()


def test_the_comparison_finds_what_differs(tmp_path):
    """Without dropout, or with another seed, trainings differ: the tests above would see it."""
    for name, flags in (("one", []), ("two", ["--seed_everything", "1"])):
        assert fit(Setting(), tmp_path / name, *flags).returncode == 0
    found = differences(tmp_path / "one", tmp_path / "two")
    assert any("checkpoint" in line for line in found) and any("train/loss" in line for line in found)


def test_resume_says_when_there_is_nothing_to_resume(tmp_path):
    stopped = fit(Setting(), tmp_path / "run", "--resume")
    assert stopped.returncode == 2 and "nothing to resume" in stopped.stderr
    assert not (tmp_path / "run").exists()
