"""What the tests of the command line share."""

import pytest

from wavspa_lit.cli import run

LEGO = [
    *("--data.n_vars", "4", "--data.n_train_vars", "2", "--data.num_train", "96", "--data.num_val", "20"),
    *("--data.num_test", "21", "--data.batch_size", "16", "--model.encoder.layers", "1", "--model.encoder.dim", "16"),
    *("--trainer.val_check_interval", "3", "--trainer.log_every_n_steps", "1"),
    *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
]


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tiny(configs):
    """Flags of a LEGO that trains in no time."""
    return ["-c", str(configs / "lego.yaml"), *LEGO]


@pytest.fixture
def lego(tiny):
    """Trains it."""
    return lambda *arguments: run(["fit", *tiny, *arguments])


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
