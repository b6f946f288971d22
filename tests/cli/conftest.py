"""What the tests of the command line share."""

import pytest

from wavspa_lit.cli import run


@pytest.fixture(autouse=True)
def _in_an_empty_directory(in_an_empty_directory):
    pass


@pytest.fixture
def arena():
    """Flags of a task of the arena that trains for one step on stand-ins."""
    return [
        *("--data.source", "generate", "--data.batch_size", "4", "--model.encoder.layers", "1"),
        *("--model.encoder.dim", "16", "--model.encoder.mlp_dim", "16", "--model.encoder.attention.heads", "1"),
        *("--trainer.max_steps", "1", "--trainer.val_check_interval", "1", "--trainer.limit_val_batches", "1"),
        *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
    ]


@pytest.fixture
def refused(capsys):
    """Runs a command that must end with status 2, and returns what it says."""

    def message(*arguments):
        with pytest.raises(SystemExit) as stop:
            run(list(arguments))
        assert stop.value.code == 2
        return capsys.readouterr().err

    return message
