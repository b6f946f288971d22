"""Predictions: for files of one's own and for the test split."""

import csv
import shutil
import sys

import numpy
import PIL.Image
import pytest

import wavspa_lit.__main__ as entry
from datamodules import Image
from wavspa_lit.cli import run


@pytest.mark.parametrize("kind", ["tsv", "jsonl", "png"])
def test_predictions_for_own_files_need_no_training_data(kind, configs, arena, tmp_path):
    task = "image" if kind == "png" else "text"
    run(["fit", "-c", str(configs / f"{task}.yaml"), *arena, "--run", "r"])
    if kind == "tsv":
        (tmp_path / "mine.tsv").write_text('text\tsource\na "good" film\tx\nbad\ty\n')
    elif kind == "jsonl":
        (tmp_path / "mine.jsonl").write_text('{"text": "a good film"}\n{"text": "bad"}\n')
    else:
        (tmp_path / "mine.png").mkdir()
        for name in ("a", "b"):
            PIL.Image.fromarray(numpy.full((32, 32), 7, numpy.uint8)).save(tmp_path / "mine.png" / f"{name}.png")
    shutil.rmtree(tmp_path / "data")
    command = ["predict", "--ckpt_path", "r/checkpoints/last.ckpt", "--inputs", f"mine.{kind}", "--output", "out.csv"]
    run([*command, "--data.source", "files"])
    assert not (tmp_path / "data").exists()
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == (["a.png", "b.png"] if kind == "png" else ["1", "2"])
    classes = Image().class_names if kind == "png" else ("negative", "positive")
    for row in rows:
        assert (
            row["class"] == classes[int(row["prediction"])] and row["probability"] == row[f"probability_{row['class']}"]
        )
        assert sum(float(row[f"probability_{name}"]) for name in classes) == pytest.approx(1, abs=1e-4)


def test_predictions_of_hidden_tokens_in_own_files(configs, arena, tmp_path, refused):
    run(["fit", "-c", str(configs / "retrieval.yaml"), "-c", str(configs / "pretrain.yaml"), *arena, "--run", "r"])
    (tmp_path / "mine.csv").write_text(f'text,text2\n"{"long, " * 9}","{"short " * 9}"\n')
    run(["predict", "--ckpt_path", "r/checkpoints/last.ckpt", "--inputs", "mine.csv", "--output", "out.csv"])
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["name"] for row in rows} == {"1"} and all(row["label"] and row["position"] for row in rows)
    before = (tmp_path / "mine.csv").read_text()
    for inputs in ("mine.csv", "."):
        command = ["predict", "--ckpt_path", "r/checkpoints/last.ckpt", "--inputs", inputs, "--output", "mine.csv"]
        assert "--output mine.csv would overwrite data that are read" in refused(*command)
    assert (tmp_path / "mine.csv").read_text() == before


def test_predictions_of_the_test_split_have_the_probability_of_each_answer(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "1")
    run(["predict", "--ckpt_path", "r/checkpoints/last.ckpt"])
    with (tmp_path / "r" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 21 * 4 and "class" not in rows[0]
    for row in rows:
        assert row[f"probability_{row['prediction']}"] == row["probability"] and row["label"] in ("0", "1")


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "must name the columns"), ("text\n", "no examples"), ("text\ta\nx\n", "line 2: 1 columns instead of 2")],
)
def test_wrong_inputs_name_file_and_row(content, message, configs, arena, tmp_path, monkeypatch, capsys):
    run(["fit", "-c", str(configs / "text.yaml"), *arena, "--run", "r"])
    (tmp_path / "mine.tsv").write_text(content)
    monkeypatch.setattr(
        sys, "argv", ["wavspa", "predict", "--ckpt_path", "r/checkpoints/last.ckpt", "--inputs", "mine.tsv"]
    )
    with pytest.raises(SystemExit) as stop:
        entry.main()
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 1 and message in error and "mine.tsv" in error
