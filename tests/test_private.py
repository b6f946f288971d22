"""What is used beyond public interfaces is there: the first test to look at after an upgrade."""

import inspect

import pytest
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.loops.fit_loop import _FitLoop
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.strategies import DDPStrategy

from wavspa_lit.private import known_classes_only, parsing_settings


@pytest.mark.parametrize(
    "owner,name",
    [
        *((LightningCLI, f"_{name}") for name in ("prepare_subcommand_parser", "parse_ckpt_path", "run_subcommand")),
        *((LightningCLI, f"_{name}") for name in ("parser", "get")),
        (_TrainingEpochLoop, "_broadcast_sigterm_tensor"),
        (_FitLoop, "_load_combined_loader_states"),
    ],
)
def test_private_methods_are_there(owner, name):
    assert callable(getattr(owner, name, None)), f"{owner.__name__}.{name}: see wavspa_lit/private.py"


def test_private_values_are_there():
    assert "self._batches_that_stepped" in inspect.getsource(_TrainingEpochLoop.__init__)
    assert DDPStrategy(static_graph=True)._ddp_kwargs == {"static_graph": True}


def test_restrictions_on_imports_are_lifted_again():
    before = dict(parsing_settings)
    with known_classes_only(True):
        assert dict(parsing_settings) != before
    assert dict(parsing_settings) == before
