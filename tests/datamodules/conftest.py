"""A tiny Long Range Arena, as scripts/lra_fixtures.py writes it."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def fixtures():
    """The script as a module."""
    file = Path(__file__).parents[2] / "scripts" / "lra_fixtures.py"
    spec = importlib.util.spec_from_file_location("lra_fixtures", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def release(tmp_path, fixtures):
    """A folder that holds the data of every task."""
    fixtures.write(tmp_path)
    return tmp_path
