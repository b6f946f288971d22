"""Mistakes, and files that somebody made: each is refused in a line, and nothing in it runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch.utilities.exceptions import MisconfigurationException

import wavspa_lit.__main__ as entry
from wavspa_lit.cli import run

QUIET = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]


class Malicious:
    def __reduce__(self):
        return os.mkdir, (str(Path.cwd() / "owned"),)


@pytest.mark.parametrize("flag", ["--ckpt_path", "--init_from"])
def test_a_malicious_checkpoint_runs_nothing(flag, tmp_path, refused, tiny):
    evil = tmp_path / "evil" / "checkpoints" / "last.ckpt"
    evil.parent.mkdir(parents=True)
    torch.save({"state_dict": Malicious(), "pytorch-lightning_version": "2.6.6"}, evil)
    assert "could run code" in refused("fit", *tiny, flag, str(evil), "--trainer.max_steps", "1")
    if flag == "--ckpt_path":  # Lightning's FSDP has a reader of its own, which runs what is in a checkpoint
        for strategy in ("auto", "fsdp"):
            arguments = ["test", *tiny, "--trainer.strategy", strategy]
            assert "could run code" in refused(*arguments, flag, str(evil))
    assert not (tmp_path / "owned").exists()


def test_a_run_below_a_file_is_refused(tiny, tmp_path, refused):
    (tmp_path / "file").touch()
    assert "--run file is a file; give a folder" in refused("fit", *tiny, "--run", "file")
    assert "--run file/r lies below file, which is a file" in refused("fit", *tiny, "--run", "file/r")


@pytest.mark.parametrize("flag", ["--ckpt_path", "--init_from"])
def test_files_that_are_no_checkpoints_are_refused(flag, tmp_path, refused, tiny):
    whole = tmp_path / "whole"
    torch.save({"state_dict": {}}, whole)
    contents = {"empty": b"", "text": b"hello", "cut": whole.read_bytes()[:-100]}
    config = ["fit", *tiny, "--trainer.max_steps", "1"]
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert f"{name}: not a checkpoint" in refused(*config, flag, name)
    torch.save([1], tmp_path / "list")
    assert "has no state_dict" in refused(*config, flag, "list")


@pytest.mark.parametrize(("name", "value"), [("dim", "32"), ("layers", "1")])
def test_a_checkpoint_of_another_model_is_refused_in_a_line(name, value, lego, capsys, monkeypatch):
    lego("--run", "r", "--trainer.max_steps", "1", "--model.encoder.layers", "2")
    arguments = ["wavspa", "test", "--ckpt_path", "r/checkpoints/last.ckpt", f"--model.encoder.{name}", value]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        entry.main()
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 2 and error.startswith(f"error: the checkpoint is of another model: encoder.{name}")


def test_validations_further_apart_than_epochs_are_refused_in_a_line(tiny, capsys, monkeypatch):
    flags = ("--trainer.check_val_every_n_epoch", "1", "--trainer.val_check_interval", "100")
    monkeypatch.setattr(sys, "argv", ["wavspa", "fit", *tiny, "--trainer.max_steps", "1", *flags])
    with pytest.raises(SystemExit) as stop:
        entry.main()
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 2 and error.startswith("error: `val_check_interval` (100) must be less than or equal to")


def test_a_reference_that_leads_nowhere_is_named(lego, tmp_path, capsys):
    (tmp_path / "more.yaml").write_text("model: {init_args: {encoder: {max_position: '${data.max_lenght}'}}}\n")
    with pytest.raises(SystemExit) as stop:
        lego("-c", "more.yaml")
    assert stop.value.code == 2 and "max_lenght" in capsys.readouterr().err.splitlines()[0]


@pytest.mark.parametrize(("content", "why"), [(b"model: {a: [\n", "line 2, column 1"), (b"\xff\xfe", "utf-8")])
def test_a_config_that_cannot_be_read_is_named(content, why, tmp_path, refused):
    (tmp_path / "mine.yaml").write_bytes(content)
    line = refused("fit", "-c", "mine.yaml").splitlines()[0]
    assert line.startswith("error: -c mine.yaml cannot be read: ") and why in line


def test_weights_that_a_strategy_has_loaded_are_not_asked_for(lego):
    model = lego("--trainer.max_steps", "1").model
    model.on_load_checkpoint({"hyper_parameters": dict(model.hparams)})  # as FSDP leaves it


def test_a_metric_that_is_not_logged_is_named(lego):
    for flags in (
        ["--best_checkpoint.monitor", "val/accuracy"],
        ["--trainer.callbacks+=StopEarly", "--trainer.callbacks.monitor", "val/accuracy"],
    ):
        with pytest.raises(MisconfigurationException, match="val/accuracy"):
            lego("--trainer.max_steps", "3", *flags)


def test_the_config_beside_a_checkpoint_imports_known_packages_only(lego, tmp_path, monkeypatch, refused):
    (tmp_path / "evil.py").write_text(
        f"open('{tmp_path}/owned', 'w')\nfrom lightning import Callback\nclass Bad(Callback): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    lego("--run", "r", "--trainer.max_steps", "1")
    file = tmp_path / "r" / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config["trainer"]["callbacks"] = [{"class_path": "evil.Bad"}]
    file.write_text(yaml.safe_dump(config))
    test = ["test", "--ckpt_path", "r/checkpoints/last.ckpt"]
    assert "evil" in refused(*test)
    assert not (tmp_path / "owned").exists()
    run([*test, "--trust"])
    assert (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model.encoder.dimm", "3"], "did you mean --model.encoder.dim?"),
        (["--data.btach_size", "3"], "did you mean --data.batch_size?"),
        (["--trainer.max_step", "3"], "did you mean --trainer.max_steps?"),
        (["--data", "Leggo"], "--data Leggo: did you mean Lego? Known: Addition"),
        (["--model.encoder.dim", "wide"], "encoder.dim 'wide': expected a whole number"),
        (["--resume", "--ckpt_path", "x.ckpt"], "leave out one of"),
        (["--inputs", "x.tsv"], "--inputs applies to wavspa predict only, not to fit"),
        (["--output", "x.csv"], "--output applies to wavspa predict only, not to fit"),
        (["--resume", "--run", "r", "--init_from", "x.ckpt"], "--init_from starts a new training"),
        (["--ckpt_path", "."], "is a folder"),
        (["--model.optimizer.learning_rate", "3"], "did you mean --model.optimizer.lr?"),
        (["--epochs", "3"], "did you mean --trainer.max_epochs?"),
        (["--max_steps", "3"], "did you mean --trainer.max_steps?"),
        (["--model.lr", "3"], "did you mean --model.optimizer.lr?"),
        (["--data.num_images", "3"], "--data.num_images belongs to Pathfinder; with --help after it"),
        (["--data.root", "x"], "--data.root belongs to Image, ListOps, ListOpsLength, Pathfinder, Retrieval"),
        (["--seed_everythin", "3"], "did you mean --seed_everything?"),
        (["--best_checkpoint.mntor", "x"], "did you mean --best_checkpoint.monitor?"),
        (["--resume", "r"], "a run with --run"),
        (["--model.encoder.wavelet", "ada"], "it has settings of its own, such as encoder.wavelet.kind"),
        (["--trainer.precision", "bf16mixed"], "trainer.precision 'bf16mixed': did you mean bf16-mixed?"),
        (["--trainer.max_epochs", "many"], "error: trainer.max_epochs 'many': expected a whole number"),
        (["--trainer.callbacks+=EarlyStoping"], "did you mean EarlyStopping?"),
        (["--trainer.callbacks+=wavspa_lit.callbacks.EMAA"], "did you mean EMA?"),
        (["--trainer.callbacks+=EMA", "--trainer.callbacks.deccay=3"], "did you mean --trainer.callbacks.decay?"),
        (["--trainer.devices", "0"], "not a valid input"),
        (["--trainer.max_steps", "-5"], "must be a non-negative integer"),
        (["--trainer.val_check_interval", "0"], "give --trainer.limit_val_batches 0"),
        (["--trainer.logger", "CSVLoger"], "trainer.logger 'CSVLoger': did you mean CSVLogger?"),
        (["--trainer.limit_train_batches", "0"], "nothing would be trained"),
        (["--best_checkpoint.save_top_k", "3"], "take each other's place in best.ckpt; add --best_checkpoint.filename"),
        (["--length", "0"], "--length must be at least 1"),
    ],
)
def test_mistakes_get_a_line_with_the_nearest_name(arguments, message, configs, refused):
    error = refused("fit", "-c", str(configs / "lego.yaml"), *arguments)
    assert message in error.splitlines()[0]


def test_unknown_commands_and_help_need_no_heavy_imports():
    code = """
import sys
import wavspa_lit.__main__ as entry
try:
    entry.main()
finally:
    assert "torch" not in sys.modules
"""
    shown = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert "wavspa fit" in shown.stdout
    for arguments, hint in ((["fti"], "fit"), (["list", "task"], "tasks")):
        command = [sys.executable, "-c", code, *arguments]
        wrong = subprocess.run(command, capture_output=True, text=True, check=False)
        assert wrong.returncode == 2 and f"did you mean {hint}?" in wrong.stderr
