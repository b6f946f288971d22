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
