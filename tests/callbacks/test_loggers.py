"""What pictures may cost, and what curves are called."""

from types import SimpleNamespace

from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from wavspa_lit.callbacks import loggers
from wavspa_lit.callbacks.loggers import Board, Budget, tag_in, takes_pictures


def test_a_budget_leaves_room_for_a_last_picture(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(loggers, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    budget = Budget(0.1)
    budget.start()
    now[0] = 10.0
    assert not budget.used_up
    with budget.spending():
        now[0] += 1.0
    assert budget.used_up  # 1 second so far and 2 as long as this one are more than a tenth of 11
    now[0] = 31.0
    assert not budget.used_up


def test_groups_have_numbers_in_our_own_logger_only(tmp_path):
    assert tag_in(Board(tmp_path), "val/acc") == "2_val/acc"
    assert tag_in(TensorBoardLogger(tmp_path), "val/acc") == "val/acc"


def test_most_loggers_keep_numbers_only(tmp_path):
    assert takes_pictures(SimpleNamespace(loggers=[CSVLogger(tmp_path), Board(tmp_path)]))
    assert not takes_pictures(SimpleNamespace(loggers=[CSVLogger(tmp_path)]))
