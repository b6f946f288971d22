"""The command line as users run it."""

import csv
import json
import runpy
import subprocess
import sys

import pytest
import torch
import yaml

from wavspa_lit.cli import main, run
from wavspa_lit.errors import LengthError
from wavspa_lit.packaged import list_configs

TINY = {
    "listops": [
        *("--data.min_length", "5", "--data.max_length", "40", "--data.max_depth", "3", "--data.max_args", "4"),
        *("--data.num_train", "96", "--data.num_val", "20", "--data.num_test", "21", "--data.num_workers", "0"),
        *("--model.encoder.layers", "1", "--model.encoder.dim", "16", "--trainer.val_check_interval", "3"),
    ],
    "lego": [
        *("--data.n_vars", "4", "--data.n_train_vars", "2"),
        *("--data.num_train", "96", "--data.num_val", "20", "--data.num_test", "21"),
        *("--model.encoder.layers", "1", "--model.encoder.dim", "16", "--trainer.val_check_interval", "3"),
    ],
}
COMMON = ["--data.batch_size", "16", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]


@pytest.fixture
def wavspa(configs):
    def command_line(command, task=None, *arguments):
        config = ["-c", str(configs / f"{task}.yaml"), *TINY[task], *COMMON] if task else []
        return run([command, *config, *arguments])

    return command_line


def results(run):
    return json.loads((run / "results.json").read_text())


def test_one_batch_is_not_all_batches(wavspa):
    flags = [f"--trainer.limit_{split}_batches=1" for split in ("train", "val")]
    trainer = wavspa("fit", "lego", "--trainer.max_epochs=1", "--trainer.val_check_interval=1", *flags).trainer
    assert trainer.global_step == 1 and trainer.num_val_batches == [1]


@pytest.mark.parametrize("task", TINY)
def test_fit_resume_test_predict(wavspa, task, tmp_path):
    run_directory = tmp_path / "runs" / task / "adaptive"
    wavspa("fit", task, "--trainer.max_steps", "3")
    last = run_directory / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == 3
    assert (run_directory / "checkpoints" / "best.ckpt").is_file()
    assert list(run_directory.glob("events.out.tfevents.*"))

    wavspa("fit", None, "--ckpt_path", str(last), "--trainer.max_steps", "6")
    assert torch.load(last, weights_only=True)["global_step"] == 6
    assert [path.name for path in run_directory.parent.iterdir()] == ["adaptive"]  # resumed in place
    config_before = (run_directory / "config.yaml").read_text()

    cli = wavspa("test", None, "--ckpt_path", str(run_directory / "checkpoints" / "best.ckpt"))
    tested = results(run_directory)["test"]
    assert tested["test/acc"] == pytest.approx(float(cli.trainer.callback_metrics["test/acc"]))
    assert 0 < tested["test/chance"] < 1
    assert (run_directory / "config.yaml").read_text() == config_before
    assert results(run_directory)["fit"]["steps"] == 6

    assert (run_directory / "extrapolation.png").is_file() == (task == "lego")

    wavspa("predict", None, "--ckpt_path", str(last))
    with (run_directory / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {int(row["sequence"]) for row in rows} == set(range(21))
    wavspa("test", None, "--ckpt_path", str(last))
    right = sum(row["label"] == row["prediction"] for row in rows) / len(rows)
    assert right == pytest.approx(results(run_directory)["test"]["test/acc"])


def test_shipped_models_are_runs_that_do_not_resume(wavspa, tmp_path, configs, capsys, monkeypatch):
    wavspa("fit", "lego", "--run", "r", "--trainer.max_steps", "3")
    monkeypatch.setattr(sys, "argv", ["ship.py", "r", "shipped", "A small model."])
    runpy.run_path(str(configs.parent / "scripts" / "ship.py"), run_name="__main__")
    monkeypatch.setattr(sys, "argv", ["wavspa"])
    shipped = "shipped/checkpoints/best.ckpt"
    one = results(tmp_path / "shipped")["test"]
    wavspa("test", None, "--ckpt_path", shipped)
    assert {**one, "date": ""} == {**results(tmp_path / "shipped")["test"], "date": ""}
    assert f"wavspa test --ckpt_path {shipped}" in (tmp_path / "shipped" / "README.md").read_text()
    with pytest.raises(SystemExit, match="2"):
        wavspa("fit", None, "--ckpt_path", shipped, "--trainer.max_steps", "6")
    assert f"{shipped} holds weights alone; wavspa fit --init_from takes them" in capsys.readouterr().err


def test_lengths_beyond_training_are_tested(wavspa, configs, tmp_path, monkeypatch, capsys):
    sizes = ("--data.max_train_length", "5", "--data.max_test_length", "20", "--data.test_stride", "5")
    counts = ("--data.num_train", "64", "--data.val_per_length", "4", "--data.test_per_length", "4")
    model = ("--model.encoder.layers", "1", "--trainer.max_steps", "2", "--trainer.val_check_interval", "2")
    config = ("-c", str(configs / "chomsky.yaml"), "--run", "r", *COMMON)
    run(["fit", *config, *sizes, *counts, *model, "--data.task", "reverse_string"])
    run(["test", "--ckpt_path", "r/checkpoints/best.ckpt", "--trainer.enable_progress_bar", "false"])
    tested = results(tmp_path / "r")["test"]
    lengths = {int(name.rsplit("/", 1)[1]) for name in tested if "acc_by_length" in name}
    assert lengths == {1, 2, 3, 4, 5, 10, 15, 20}
    assert tested["trained_values"] == [1, 2, 3, 4, 5]
    assert all(0 <= tested[f"test/{name}"] <= 1 for name in ("acc", "acc_trained", "acc_extrapolated", "chance"))
    assert tested["test/loss"] > 0
    assert (tmp_path / "r" / "extrapolation.png").is_file()
    run(["fit", *config, *sizes, *counts, *model, "--run", "learned", "--model.encoder.positions", "learned"])
    with pytest.raises(LengthError, match="learned positions cover 6 positions"):
        run(["test", "--ckpt_path", "learned/checkpoints/best.ckpt"])
    monkeypatch.setattr(sys, "argv", ["wavspa", "test", "--ckpt_path", "learned/checkpoints/best.ckpt"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "error: learned positions cover 6 positions" in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings",
    [
        ("--model.encoder.positions", "learned", "--model.pooling", "mean"),
        ("--model.encoder.positions", "learned", "--model.pooling", "cls"),
        ("--model.encoder.attention.kind", "linformer"),
    ],
)
def test_padding_alone_never_exceeds_what_a_model_has_weights_for(wavspa, settings):
    """Buckets are multiples of 8, and the longest expression has 21 tokens of the 22 that there are positions for."""
    cli = wavspa("fit", "listops", "--data.max_length", "22", *settings, "--run", "r", "--trainer.max_steps", "3")
    assert cli.datamodule.dataset("train").example_lengths().max() == 21
    assert cli.datamodule.batch_lengths[-1] == 22
    wavspa("test", None, "--ckpt_path", "r/checkpoints/last.ckpt")


def test_resumed_training_equals_uninterrupted(wavspa, tmp_path):
    """Same batches, same dropout: the same parameters to the bit, interrupted in the middle of an epoch."""
    options = ("--model.optimizer.total_steps", "10", "--trainer.max_epochs", "-1")
    wavspa("fit", "listops", "--run", "whole", "--trainer.max_steps", "10", *options)
    wavspa("fit", "listops", "--run", "parts", "--trainer.max_steps", "4", *options)
    last = tmp_path / "parts" / "checkpoints" / "last.ckpt"
    wavspa("fit", None, "--ckpt_path", str(last), "--trainer.max_steps", "10")
    whole = torch.load(tmp_path / "whole" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    parts = torch.load(last, weights_only=True)["state_dict"]
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_overlays_swap_the_model(wavspa, configs, tmp_path):
    wavspa("fit", "lego", "-c", str(configs / "model" / "ortho.yaml"), "--trainer.max_steps", "2")
    wavspa("fit", "lego", "-c", str(configs / "model" / "transformer.yaml"), "--trainer.max_steps", "2")
    assert {path.name for path in (tmp_path / "runs" / "lego").iterdir()} == {"orthogonal", "token"}


def test_flags_beat_the_checkpoint(wavspa, tmp_path):
    wavspa("fit", "lego", "--run", "r", "--trainer.max_steps", "2")
    checkpoint = str(tmp_path / "r" / "checkpoints" / "last.ckpt")
    cli = wavspa("test", None, "--ckpt_path", checkpoint, "--data.n_vars", "6")
    assert "test/acc_by_position/6" in cli.trainer.callback_metrics


def test_a_moved_run_is_tested_in_place_and_trained_again(wavspa, tmp_path):
    wavspa("fit", "listops", "--run", "first", "--trainer.max_steps", "3")
    (tmp_path / "first").rename(tmp_path / "moved")
    run(["test", "--ckpt_path", "moved/checkpoints/last.ckpt"])
    assert "test/acc" in results(tmp_path / "moved")["test"]
    assert not (tmp_path / "first").exists()
    run(["fit", "-c", "moved/config.yaml", "--run", "again"])
    moved, again = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("moved", "again")
    )
    assert all(torch.equal(moved[name], again[name]) for name in moved)


@pytest.mark.slow
@pytest.mark.parametrize("task", TINY)
def test_two_ranks_report_what_one_process_reports(wavspa, task, configs, tmp_path):
    """Test sets of 21 sequences, which two ranks cannot share evenly."""
    two = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    arguments = [*("-c", str(configs / f"{task}.yaml")), *TINY[task], *COMMON, "--trainer.max_steps", "3", "--run", "r"]
    main = [sys.executable, "-m", "wavspa_lit"]
    subprocess.run([*main, "fit", *arguments, *two], check=True)
    checkpoint = "r/checkpoints/last.ckpt"
    subprocess.run([*main, "test", "--ckpt_path", checkpoint, *two], check=True)
    shared = results(tmp_path / "r")["test"]
    wavspa("test", None, "--ckpt_path", checkpoint, "--trainer.devices", "1", "--trainer.strategy", "auto")
    alone = results(tmp_path / "r")["test"]
    assert {name: value for name, value in shared.items() if name.startswith("test/")} == pytest.approx(
        {name: value for name, value in alone.items() if name.startswith("test/")}, nan_ok=True
    )


@pytest.mark.parametrize("command", ["test", "validate", "predict"])
def test_random_weights_are_not_evaluated(command, configs, refused):
    assert "needs --ckpt_path" in refused(command, "-c", str(configs / "lego.yaml"))


def test_a_missing_checkpoint_is_said_at_once(refused):
    assert "no such file" in refused("test", "--ckpt_path", "nowhere.ckpt")


def test_another_run_is_not_overwritten(wavspa, configs, refused):
    wavspa("fit", "lego", "--run", "r", "--trainer.max_steps", "1")
    assert "holds a run already" in refused("fit", "-c", str(configs / "lego.yaml"), "--run", "r")


@pytest.mark.parametrize(
    ("flag", "value", "part"),
    [
        ("--model.encoder.wavelet.kind", "adaptiv", "adaptive"),
        ("--model.encoder.space", "fourrier", "token"),
        ("--model.encoder.attention.kind", "sofmax", "softmax"),
        ("--data.batch_size", "many", "many"),
        ("--model.encoder.attention.heads", "7", "error: dim=128 is not divisible by attention.heads=7"),
        ("--model.encoder.wavelet.name", "dbx", "error: unknown wavelet 'dbx'; did you mean db"),
        ("--data.n_vars", "99", "error: data.n_vars must lie between 2 and 26"),
        ("--model.encoder.attention.kind", "perfomer", "error: attention.kind 'perfomer': did you mean performer?"),
        ("--model.optimizer.schedule", "cosin", "error: optimizer.schedule 'cosin': did you mean cosine?"),
        ("--model.optimizer.lr", "abc", "error: optimizer.lr 'abc': expected a number"),
        ("--model.encoder.dim", "12.5", "error: encoder.dim '12.5': expected a whole number"),
        ("--trainer.max_epoch", "3", "unrecognized arguments: --trainer.max_epoch"),  # not taken for max_epochs
    ],
)
def test_bad_values_name_the_known_ones(flag, value, part, configs, refused):
    assert part in refused("fit", "-c", str(configs / "lego.yaml"), flag, value)


@pytest.mark.parametrize("overlay", [[], ["-c", "model/ada"], ["-c", "debug/fast"]])
def test_without_a_task_the_config_is_asked_for(overlay, refused):
    message = refused("fit", *overlay)
    assert message.startswith("error: no task is given") and "-c lego" in message


def test_every_config_is_parsed(configs, tmp_path):
    """Complete files on their own; overlays over the task that shows them."""
    for path in list_configs().values():
        overlay = path.parent.name in ("model", "debug") or path.name == "pretrain.yaml"
        files = [configs / "lego.yaml", path] if overlay else [path]
        arguments = [part for file in files for part in ("-c", str(file))]
        with pytest.raises(SystemExit) as stop:
            run(["fit", *arguments, "--print_config"])
        assert stop.value.code == 0, path
        assert yaml.safe_load(path.read_text()), path


@pytest.mark.slow
def test_every_complete_config_builds_its_model_and_its_data_module(configs, capsys, tmp_path):
    (tmp_path / "mine.csv").write_text("text,label\n" + "x,a\ny,b\n" * 20)
    runpy.run_path(str(configs.parent / "scripts" / "code_fixtures.py"))["main"](tmp_path / "data")
    complete = [file for file in configs.rglob("*.yaml") if file.parent.name not in ("model", "debug", "sweeps")]
    complete.remove(configs / "pretrain.yaml")
    for file in complete:
        own = ["--data.train", "mine.csv"] if file.name == "files.yaml" else []
        cli = run(["fit", "-c", str(file), *own, "--length", "64", "--trainer.accelerator", "cpu"], describing=True)
        assert cli.model.hparams["num_classes"] == cli.datamodule.num_classes, file


def test_lower_layers_do_not_import_lightning():
    code = (
        "import sys; import wavspa_lit.wavelets.backends.compiled, wavspa_lit.nn, wavspa_lit.optim\n"
        "print('lightning' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_help_and_version():
    for arguments, expected in ((["--version"], "0.1.0"), (["--help"], "fit")):
        text = subprocess.check_output([sys.executable, "-m", "wavspa_lit", *arguments], text=True)
        assert expected in text
