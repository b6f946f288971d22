"""`wavspa report`: runs are grouped by everything but the seed, and the page has all that runs have kept."""

import base64
import os
import re
import sys

import pytest
import torch
import yaml
from torch.utils.tensorboard import SummaryWriter

from wavspa_lit.__main__ import main
from wavspa_lit.reporting import report
from wavspa_lit.reporting.collected import find_runs, groups_of, read_run
from wavspa_lit.reporting.events import Events, tag_of
from wavspa_lit.reporting.runs import write_results
from wavspa_lit.reporting.table import rows, summary


def make(folder, seed=0, accuracy=0.5, level=1, space="wavelet", tag=tag_of, **test):
    encoder = {"space": space, "wavelet": {"kind": "adaptive", "level": level}, "attention": {"kind": "softmax"}}
    config = {
        "seed_everything": seed,
        "data": {"class_path": "datamodules.Lego", "init_args": {"n_vars": 4}},
        "model": {"class_path": "wavspa_lit.tasks.TokenReasoning", "init_args": {"encoder": encoder}},
    }
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    write_results(folder, "fit", {"steps": 10, "seconds": 2.0, "peak_memory_mib": 300})
    groups = {f"test/acc_by_position/{position}": accuracy for position in (1, 2, 10)}
    facts = {"parameters": 9, "date": "2026-01-02 03:04:05", "step": 10, "checkpoint": "checkpoints/best.ckpt"}
    results = {"test/acc": accuracy, "test/chance": 0.25, "trained_values": [1, 2]}
    write_results(folder, "test", {**facts, **results, **groups, **test})
    with SummaryWriter(folder) as board:
        for step in range(3):
            for name in ("val/acc", "val/loss", "train/loss", "speed/tokens_per_second"):
                board.add_scalar(tag(name), step / 3, step)
        energy = "wavelet/energy/layer_1/detail_1" if tag is str else "wavelet_energy/layer_1_detail_1"
        board.add_scalar(tag(energy), 0.25, 2)
        board.add_image(tag("wavelet/filters/layer_1"), torch.zeros(1, 4, 4), 2)
    return folder


@pytest.fixture
def study(tmp_path):
    make(tmp_path / "study" / "ada-seed0", 0, 0.5)
    make(tmp_path / "study" / "ada-seed1", 1, 0.7, tag=str)  # of an older version
    make(tmp_path / "study" / "deep", level=2, limit_test_batches=3)
    make(tmp_path / "study" / "token", space="token")
    (tmp_path / "study" / "token" / "results.json").unlink()
    return tmp_path / "study"


def test_seeds_are_one_group(study):
    groups = groups_of([read_run(path) for path in find_runs([study])])
    assert {name: len(runs) for name, runs in groups.items()} == {
        "adaptive, level 1": 2,
        "adaptive, level 2": 1,
        "token": 1,
    }
    first = summary(groups)[0]
    assert first["accuracy"] == "60.0 ± 14.1 %" and first["seeds"] == "2" and first["task"] == "lego"


def test_runs_of_one_seed_are_not_counted_as_two(study):
    make(study / "ada-seed1-again", 1, 0.6)
    first = summary(groups_of([read_run(path) for path in find_runs([study])]))[0]
    assert (first["seeds"], first["note"]) == ("2", "3 runs, some of the same seed")


def test_a_row_says_what_was_trained(study):
    (row,) = rows([study / "ada-seed1"])
    expected = {"task": "lego", "model": "adaptive", "attention": "softmax", "seed": "1", "date": "2026-01-02"}
    assert expected.items() <= row.items() and "note" not in row
    assert rows([study / "deep"])[0]["note"] == "part of the test data: limit_test_batches 3"


def test_a_test_that_is_older_than_its_checkpoint_is_marked(study):
    run, best = study / "ada-seed0", study / "ada-seed0" / "checkpoints" / "best.ckpt"
    best.parent.mkdir()
    torch.save({"global_step": 10}, best)
    assert "note" not in rows([run])[0]  # the same, copied later
    torch.save({"global_step": 20}, best)
    assert rows([run])[0]["note"] == "the checkpoint is newer than its test"
    os.utime(best, (0, 0))
    assert "note" not in rows([run])[0]


def test_the_page_holds_everything(study, capsys):
    page = study / "report.html"
    report.run([str(study), "--output", str(page)])
    text = page.read_text()
    for part in ("Results", "What differs", "Learning curves", "Accuracy by position", "Filters", "Speed and memory"):
        assert f"<h2>{part}" in text
    for fact in (
        "60.0 ± 14.1 %",
        "model.encoder.wavelet.level",
        "25 %",
        "300 MiB",
        "limit_test_batches 3",
        "Not tested",
    ):
        assert fact in text
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    assert len(pictures) == 5 and all(base64.b64decode(p).startswith(b"\x89PNG") for p in pictures)
    assert "http" not in text  # nothing is loaded from elsewhere
    captured = capsys.readouterr()
    assert str(page) in captured.out


def test_markdown_has_its_pictures_beside_it(study):
    report.run([str(study), "--output", str(study / "out" / "report.md")])
    text = (study / "out" / "report.md").read_text()
    assert "| 60.0 ± 14.1 % |" in text
    names = re.findall(r"\]\(([^)]+)\)", text)
    assert len(names) == 5 and all((study / "out" / name).is_file() for name in names)


def test_without_output_the_table_is_printed(study, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["wavspa", "report", str(study / "ada-seed0"), str(study / "token")])
    with pytest.warns(UserWarning, match="token is left out"):
        main()
    head, _, row = capsys.readouterr().out.splitlines()
    assert head.split()[1::2][:4] == ["run", "task", "model", "attention"] and "ada-seed0" in row


@pytest.mark.parametrize(
    "arguments,message",
    [(["absent"], "absent holds no run"), (["study", "--output", "report.pdf"], "must end with .html or .md")],
)
def test_what_cannot_be_reported_is_said(arguments, message, study, monkeypatch, capsys):
    monkeypatch.chdir(study.parent)
    with pytest.raises(SystemExit, match="2"):
        report.run(arguments)
    assert message in capsys.readouterr().err


def test_curves_of_older_versions_go_on_after_a_resume(tmp_path):
    with SummaryWriter(tmp_path) as board:
        for step, tag in enumerate(("val/acc", "2_val/acc", "2_val/acc")):
            board.add_scalar(tag, step, step)
    assert Events(tmp_path).names() == ["val/acc"]
    assert Events(tmp_path).curve("val/acc") == [(0, 0.0), (1, 1.0), (2, 2.0)]
