"""Everything of a run lies in its directory, which may be moved, linked, shared, or read only."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch.utils.tensorboard import SummaryWriter

from datamodules import Lego
from wavspa_lit import TokenReasoning, build_trainer
from wavspa_lit.cli import run
from wavspa_lit.reporting.events import Events
from wavspa_lit.reporting.runs import read_tested
from wavspa_lit.reporting.table import rows

CONSTANT = ["--model.optimizer.schedule", "constant", "--model.optimizer.warmup_steps", "0"]
QUIET = ["--trainer.enable_progress_bar", "false"]


def load(path):
    return torch.load(path, weights_only=True)


def best_score(path):
    scores = (state.get("best_model_score") for name, state in load(path)["callbacks"].items() if "monitor" in name)
    return max(score for score in scores if score is not None)


def saved(folder):
    return yaml.safe_load((Path(folder) / "config.yaml").read_text())


def messages(recwarn):
    return [str(warning.message) for warning in recwarn]


def test_a_moved_run_keeps_its_best_score(lego, tmp_path):
    good = ("--model.optimizer.lr", "0.03", "--trainer.max_steps", "12")
    lego("--run", "here", *CONSTANT, *good)
    (tmp_path / "here").rename(tmp_path / "there")
    before = load("there/checkpoints/best.ckpt")
    assert str(tmp_path) not in repr(before["callbacks"])
    run(
        ["fit", "--ckpt_path", "there/checkpoints/last.ckpt", "--trainer.max_steps", "15", "--best_checkpoint.mode=max"]
    )
    last = load("there/checkpoints/last.ckpt")
    (best,) = (state for name, state in last["callbacks"].items() if "acc_trained" in name)
    assert best["best_model_score"] >= best_score("there/checkpoints/best.ckpt") and len(best["best_k_models"]) == 1
    assert sorted(path.name for path in (tmp_path / "there" / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_a_best_checkpoint_that_stays_behind_is_forgotten_in_a_line(lego):
    lego("--run", "first", "--trainer.max_steps", "3")
    with pytest.warns(UserWarning, match="best.ckpt is not there: its val/acc_trained of .* is forgotten"):
        run(
            ["fit", "--ckpt_path", "first/checkpoints/last.ckpt", "--run", "second", "--trainer.max_steps", "6", *QUIET]
        )
    assert best_score("second/checkpoints/last.ckpt") == best_score("second/checkpoints/best.ckpt")


@pytest.mark.parametrize(
    "flags",
    [
        ["--trainer.logger", "CSVLogger"],
        ["--trainer.logger", "false"],
        ['--trainer.logger=[{"class_path":"TensorBoardLogger","init_args":{"save_dir":"tb"}},'
         '{"class_path":"CSVLogger","init_args":{"save_dir":"csv"}}]'],
        pytest.param(
            ["--trainer.logger", "WandbLogger", "--trainer.logger.offline", "true"],
            marks=pytest.mark.skipif(find_spec("wandb") is None, reason="needs wandb"),
        ),
    ],
    ids=["another", "none", "two", "wandb"],
)  # fmt: skip
def test_the_run_directory_does_not_depend_on_the_logger(lego, tmp_path, flags):
    for name in ("adaptive", "adaptive-2"):
        lego("--trainer.max_steps", "3", *flags)
        folder = tmp_path / "runs" / "lego" / name
        assert {"checkpoints", "config.yaml", "results.json"} <= {path.name for path in folder.iterdir()}
        assert {path.name for path in (folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    cli = lego("--trainer.max_steps", "6", "--resume", *flags)
    assert cli.trainer.global_step == 6 and str(folder) == cli.trainer.default_root_dir
    run(["test", "--ckpt_path", str(folder / "checkpoints" / "best.ckpt"), *QUIET])
    results = json.loads((folder / "results.json").read_text())
    assert results["fit"]["steps"] == 6 and results["test"]["checkpoint"] == "checkpoints/best.ckpt"


def test_a_test_of_a_single_batch_is_marked_as_one_of_a_part(lego):
    lego("--trainer.max_steps", "3", "--run", "r")
    for limit, note in (("1", "part of the test data: limit_test_batches 1"), ("1.0", "")):
        run(["test", "--ckpt_path", "r/checkpoints/best.ckpt", "--trainer.limit_test_batches", limit, *QUIET])
        assert rows(["r"])[0].get("note", "") == note


def test_a_test_with_other_settings_says_so(lego):
    lego("--trainer.max_steps", "3", "--run", "r")
    test = ["test", "--ckpt_path", "r/checkpoints/best.ckpt", *QUIET]
    for flags, note in ((["--data.num_test", "7"], "tested with other settings: data.num_test 7"), ([], "")):
        run([*test, *flags, "--data.batch_size", "3"])
        assert rows(["r"])[0].get("note", "") == note


def test_weights_in_memory_are_tested(tmp_path):
    """Without a checkpoint, after a training by the same trainer and by a new one."""
    data = Lego(n_vars=4, n_train_vars=2, num_train=32, num_val=8, num_test=8, batch_size=8)
    encoder = {"dim": 8, "layers": 1, "attention": {"heads": 2}}
    task = TokenReasoning.for_data(data.facts, encoder=encoder, optimizer={"lr": 1e-3})
    for name, steps in (("one", 2), ("two", 0)):
        trainer = build_trainer(tmp_path / name, max_steps=2, enable_progress_bar=False, accelerator="cpu")
        if steps:
            trainer.fit(task, data)
        tested = trainer.test(task, data, verbose=False)[0]
        trainer.validate(task, data, verbose=False)
        results = json.loads((tmp_path / name / "results.json").read_text())
        assert results["test"]["test/acc"] == pytest.approx(tested["test/acc"]) and results["test"]["step"] == steps
        assert "val/acc" in results["validate"] and "checkpoint" not in results["test"]


def test_a_training_that_was_killed_before_it_saved_leaves_no_curves(lego, tmp_path):
    with SummaryWriter(str(tmp_path / "r")) as dead:
        for step in range(50):
            dead.add_scalar("1_train/loss", 7.0, step)
    lego("--trainer.max_steps", "3", "--run", "r", "--trainer.log_every_n_steps", "1")
    steps, losses = zip(*Events("r").curve("train/loss"), strict=True)
    assert steps == (0, 1, 2) and 7.0 not in losses
    lego("--trainer.max_steps", "5", "--run", "r", "--resume", "--trainer.log_every_n_steps", "1")
    assert [step for step, _ in Events("r").curve("train/loss")] == [0, 1, 2, 3, 4]


def test_curves_go_on_where_they_were_after_a_resume_with_other_batches(lego):
    flags = ["--run", "r", "--trainer.log_every_n_steps", "1", "--data.num_train", "64"]
    lego(*flags, "--trainer.max_steps", "6", "--data.batch_size", "8")
    lego(*flags, "--trainer.max_steps", "12", "--resume", "--data.batch_size", "16")
    lego(
        *flags,
        "--trainer.max_steps",
        "15",
        "--resume",
        "--data.batch_size",
        "8",
        "--trainer.accumulate_grad_batches",
        "2",
    )
    assert [step for step, _ in Events("r").curve("train/loss")] == list(range(15))


def test_a_run_that_may_only_be_read_is_tested_and_predicted_for(lego, read_only, monkeypatch, capsys, refused):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:  # pytest's own folders are closed to others
        place = Path(name)
        place.chmod(0o777)
        monkeypatch.chdir(place)
        lego("--run", "r", "--trainer.max_steps", "3")
        read_only(place / "r")
        checkpoint = ["--ckpt_path", "r/checkpoints/best.ckpt", *QUIET]
        with pytest.warns(UserWarning, match="the results are shown but not kept.*--run DIR"):
            run(["test", *checkpoint])
        assert "test/acc" in capsys.readouterr().out
        run(["test", *checkpoint, "--run", "elsewhere"])
        assert "test" in json.loads((place / "elsewhere" / "results.json").read_text())
        run(["predict", *checkpoint, "--output", "answers.csv"])
        assert (place / "answers.csv").read_text().startswith("sequence,")
        assert "--output FILE is needed" in refused("predict", *checkpoint)
        shutil.rmtree(place / "elsewhere")
        os.seteuid(os.getuid())


def test_a_config_never_undoes_a_flag(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "3")
    assert not {"run", "resume", "ckpt_path", "init_from"} & saved("r").keys()
    old = {
        **saved("r"),
        "run": None,
        "resume": False,
        "ckpt_path": None,
        "init_from": None,
    }  # as older versions wrote it
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(old))
    cli = run(["fit", "--run", "r2", "--trainer.max_steps", "1", "-c", "old.yaml"])
    assert cli.trainer.default_root_dir == str(tmp_path / "r2") and cli.trainer.global_step == 1
    cli = run(["fit", "--ckpt_path", "r/checkpoints/last.ckpt", "--trainer.max_steps", "4", "--config=old.yaml"])
    assert cli.trainer.default_root_dir == str(tmp_path / "r") and cli.trainer.global_step == 4
    cli = run(["fit", "--resume", "--run", "r", "-c", "old.yaml", "--trainer.max_steps", "5"])
    assert cli.trainer.global_step == 5


def test_the_config_says_what_held_after_a_resume(lego, recwarn):
    stop = ["--trainer.callbacks+=StopEarly", "--trainer.callbacks.patience"]
    lego("--run", "r", "--trainer.max_steps", "3", *stop, "7")
    changed = ["--seed_everything", "5", "--model.optimizer.lr", "0.1", "--model.optimizer.warmup_steps", "9"]
    cli = lego("--run", "r", "--resume", "--trainer.max_steps", "6", *changed, *stop, "4")
    config = saved("r")
    assert config["seed_everything"] == 0 and config["trainer"]["max_steps"] == 6
    assert config["model"]["init_args"]["optimizer"]["lr"] == 5e-4
    assert config["model"]["init_args"]["optimizer"]["warmup_steps"] == 9
    assert config["trainer"]["callbacks"][0]["init_args"]["patience"] == 4
    (patience,) = (callback.patience for callback in cli.trainer.callbacks if hasattr(callback, "patience"))
    assert patience == 4
    said = "\n".join(messages(recwarn))
    for text in ("seed_everything: 0 in the checkpoint, 5 now", "StopEarly.patience: 7 in the checkpoint, 4 now"):
        assert text in said


def test_a_training_that_is_done_says_so_and_changes_nothing(lego, caplog):
    import logging

    lego("--run", "r", "--trainer.max_steps", "6")
    before = (saved("r"), json.loads(Path("r/results.json").read_text()))
    logger = logging.getLogger("lightning.pytorch")
    logger.addHandler(caplog.handler)
    lego("--run", "r", "--resume", "--trainer.max_steps", "3")
    logger.removeHandler(caplog.handler)
    assert "nothing to train: already at step 6; raise --trainer.max_steps" in caplog.text
    assert (saved("r"), json.loads(Path("r/results.json").read_text())) == before


def test_a_start_that_fails_and_a_trial_take_no_name(lego, tmp_path, refused, tiny):
    lego("--trainer.fast_dev_run", "true")
    assert list(tmp_path.iterdir()) == []


def test_processes_that_others_start_are_asked_for_a_name(tiny, refused, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("WAVSPA_RUN", raising=False)
    assert "--run DIR is needed" in refused("fit", *tiny)


def test_testing_what_a_repository_holds_leaves_it_as_it_is(lego, tmp_path, caplog):
    lego("--run", "kept/ada", "--trainer.max_steps", "3")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["add", "-f", "kept"], ["commit", "-qm", "models"]):
        subprocess.run([*git, *command], check=True)
    best = ["--ckpt_path", "kept/ada/checkpoints/best.ckpt", *QUIET]
    run(["test", *best])
    run(["predict", *best])
    assert "kept/ada ships: results go to runs/tests/kept/ada" in caplog.text
    assert {"results.json", "predictions.csv"} <= {path.name for path in (tmp_path / "runs/tests/kept/ada").iterdir()}
    status = subprocess.run([*git, "status", "--porcelain", "kept"], check=True, capture_output=True, text=True)
    assert status.stdout == ""
    run(["test", *best, "--run", "kept/ada"])
    assert "test" in json.loads((tmp_path / "kept" / "ada" / "results.json").read_text())


@pytest.mark.parametrize("name", ["0123", "on", "[a]: {x}", "x=1,y='b'", "sp ace/ünï {step}"])
def test_a_run_may_be_called_anything(name, lego):
    lego("--run", name, "--trainer.max_steps", "1")
    cli = run(["fit", "--ckpt_path", f"{name}/checkpoints/last.ckpt", "--trainer.max_steps", "2", *QUIET])
    assert cli.trainer.global_step == 2 and Path(cli.trainer.default_root_dir) == Path(name).resolve()


def test_one_process_trains_in_a_run_directory(lego, tmp_path, monkeypatch):
    monkeypatch.setattr("wavspa_lit.callbacks.claim.PATIENCE", 0.2)
    (tmp_path / "r" / "checkpoints").mkdir(parents=True)
    other = os.open(tmp_path / "r" / "checkpoints", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(MisconfigurationException, match="r is being trained by another process; wait for it, or"):
        lego("--run", "r", "--trainer.max_steps", "2")
    assert not (tmp_path / "r" / "config.yaml").exists()
    os.close(other)
    lego("--run", "r", "--trainer.max_steps", "2")
    lego("--run", "r", "--trainer.max_steps", "3", "--resume")


def test_a_training_without_a_validation_is_tested_at_its_last_step(lego, tmp_path, caplog, refused):
    lego("--run", "r", "--trainer.max_steps", "2", "--trainer.val_check_interval", "3")
    assert "no validation in 2 steps, so there is no best.ckpt: last.ckpt can be tested" in caplog.text
    error = refused("test", "--ckpt_path", "r/checkpoints/best.ckpt")
    assert "no such file; there has been no validation yet, give r/checkpoints/last.ckpt" in error
    assert "a run keeps best.ckpt and last.ckpt" in refused("test", "--ckpt_path", "r/checkpoints/bset.ckpt")
    with pytest.raises(ValueError, match=r"run: wavspa test --ckpt_path r/checkpoints/last\.ckpt"):
        read_tested("r")
