"""Fixtures shared by all tests."""

import os
import sys
from pathlib import Path

import pytest
import torch

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
REPOSITORY = Path(__file__).parent.parent


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
