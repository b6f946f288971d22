"""Fixtures shared by all tests."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a script; programs would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
REPOSITORY = Path(__file__).parent.parent
LEGO = [
    *("--data.n_vars", "4", "--data.n_train_vars", "2", "--data.num_train", "96", "--data.num_val", "20"),
    *("--data.num_test", "21", "--data.batch_size", "16", "--model.encoder.layers", "1", "--model.encoder.dim", "16"),
    *("--trainer.val_check_interval", "3", "--trainer.log_every_n_steps", "1"),
    *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
]


@pytest.fixture(autouse=True)
def _deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(sys, "argv", ["wavspa"])  # Lightning warns when the test runner's arguments are still there


@pytest.fixture
def configs() -> Path:
    return REPOSITORY / "configs"


@pytest.fixture
def read_only():
    """A function that makes a folder read-only; root, who may write everywhere, becomes somebody else."""
    changed = []

    def protect(folder):
        changed.append(folder)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        if os.geteuid() == 0:
            os.seteuid(12345)

    yield protect
    if os.getuid() == 0:
        os.seteuid(0)
    for folder in filter(Path.exists, changed):
        folder.chmod(0o755)


@pytest.fixture
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tiny(configs: Path, in_an_empty_directory: None) -> list[str]:
    """Flags of a LEGO that trains in no time."""
    return ["-c", str(configs / "lego.yaml"), *LEGO]


@pytest.fixture
def lego(tiny: list[str]) -> Callable[..., Any]:
    """Trains it, in an empty directory."""
    from wavspa_lit.cli import run

    return lambda *arguments: run(["fit", *tiny, *arguments])
