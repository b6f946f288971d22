"""A checkpoint is tested and continued on the data it was trained on, or not at all."""

import csv
import shutil
import sys

import pytest

import wavspa_lit.__main__ as entry
from wavspa_lit.cli import run

SMALL = ["--data.batch_size", "2", "--data.min_length", "5", "--data.max_length", "60", "--data.num_train", "20"]


@pytest.fixture
def trained(tmp_path, monkeypatch, configs, arena):
    """A run in `place`, trained on files below a relative root."""
    place = tmp_path / "place"
    (place / "data").mkdir(parents=True)
    monkeypatch.chdir(place)
    for split in ("train", "val", "test"):
        lines = [f"[MAX {number} {len(split)} ]\t{max(number, len(split))}\n" for number in range(10)]
        (place / "data" / f"basic_{split}.tsv").write_text("Source\tTarget\n" + "".join(lines))
    run(["fit", "-c", str(configs / "listops.yaml"), *arena, *SMALL, "--data.source", "auto", "--run", "r"])
    (tmp_path / "elsewhere").mkdir()
    return place


def said(capsys, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["wavspa", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        entry.main()
    assert stop.value.code == 1
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_a_relative_root_means_the_folder_where_the_training_was_started(trained, monkeypatch):
    monkeypatch.chdir(trained.parent / "elsewhere")
    with pytest.warns(UserWarning, match=f"those of the training, below {trained}/data"):
        cli = run(["test", "--ckpt_path", str(trained / "r" / "checkpoints" / "last.ckpt")])
    assert len(cli.datamodule.dataset("test")) == 10 and list((trained.parent / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("command", ["test", "validate", "predict", "fit"])
def test_generated_data_never_take_the_place_of_files_in_silence(command, trained, monkeypatch, capsys):
    (trained / "data").rename(trained / "moved")
    options = ["--resume", "--run", "r", "--trainer.max_steps", "2"]
    options = options if command == "fit" else ["--ckpt_path", "r/checkpoints/last.ckpt"]
    line = said(capsys, monkeypatch, command, *options)
    assert line.startswith("error: these are other data than the checkpoint's: here generated data (listops generator")
    assert f"there files below {trained}/data (fingerprint " in line and not (trained / "data").exists()
    run([command, *options, "--data.root", "moved"])
    run([command, *options, "--data.num_test", "2", "--data.num_val", "2", "--other_data"])
    assert "other_data" not in (trained / "r" / "config.yaml").read_text()


def test_files_that_have_changed_are_other_data(trained, monkeypatch, capsys):
    with (trained / "data" / "basic_test.tsv").open("a") as file:
        file.write("[MIN 1 2 ]\t1\n")
    assert "there files below" in said(capsys, monkeypatch, "test", "--ckpt_path", "r/checkpoints/last.ckpt")


def test_own_examples_are_compared_with_nothing(trained, tmp_path):
    shutil.rmtree(trained / "data")
    (trained / "mine.csv").write_text("text\n[MAX 1 2 ]\n")
    run(["predict", "--ckpt_path", "r/checkpoints/last.ckpt", "--inputs", "mine.csv", "--output", "out.csv"])
    with (trained / "out.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["1"]
