"""The tables of the pages are those of the files in docs/results, whose settings are those of configs/sweeps."""

import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from wavspa_lit.cli import run as run_command
from wavspa_lit.sweep import expand

ROOT = Path(__file__).parents[2]
ARENA = {each.run.name: each for each in expand(yaml.safe_load((ROOT / "configs/sweeps/arena.yaml").read_text()))}
OFTEN = ("text-ada-seed0", "listops-lift-seed0")
"""Rows that are compared in every run of the tests; the others are slow in all."""


def results_page():
    spec = importlib.util.spec_from_file_location("results_page", ROOT / "scripts" / "results_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_show_what_the_files_say():
    script = results_page()
    for file in script.PAGES:
        text = file.read_text()
        assert "<!-- table: " in text and text == script.page(text), "python scripts/results_page.py"


def settings(config):
    """What a row depends on: the settings of model, data and trainer under their path, without where the data lie."""

    def flat(part, path=""):
        for name, value in part.items():
            yield from flat(value, f"{path}{name}.") if isinstance(value, dict) else [(path + name, value)]

    parts = dict(flat({name: config[name] for name in ("model", "data", "trainer", "seed_everything")}))
    left_out = ("data.init_args.root", "data.init_args.num_workers", "trainer.precision", "model.class_path")
    return {name: value for name, value in parts.items() if name not in left_out}


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in ARENA]
)
def test_the_sweep_has_the_settings_of_the_row(name, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit):
        run_command([*ARENA[name].commands[0][1:], "--print_config"])
    now = settings(yaml.safe_load(capsys.readouterr().out))
    then = settings(yaml.safe_load((ROOT / "docs/results" / name / "config.yaml").read_text()))
    assert {setting: now.get(setting) for setting in then} == then  # today's may have more


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script, with a folder of results of its own."""
    script = results_page()
    monkeypatch.setattr(script, "RESULTS", tmp_path)
    return script


@pytest.fixture
def run(script, tmp_path):
    """Writes the files of a run, as docs/results has them, and returns the row of its model."""
    encoder = {"space": "token", "positions": "rotary", "wavelet": {"level": 1}}
    config = {"model": {"init_args": {"encoder": encoder, "optimizer": {"lr": 1e-3}}}}
    config["data"] = {"init_args": {"batch_size": 4}}

    def write(name, steps, best, test=None, *, whole=True):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.yaml").write_text(json.dumps(config))
        (folder / "commit").write_text("abcdef0\n")
        (folder / "validation.csv").write_text(f"step,val/acc\n499,0.1\n{steps - 1},{best}\n")
        fit = {"fit": {"parameters": 5, "steps": steps, "seconds": 90.0}} if whole else {}
        results = fit | ({} if test is None else {"test": {"parameters": 5, "test/acc": test}})
        if results:
            (folder / "results.json").write_text(json.dumps(results))
        task = name.split("-")[0]
        return [part.strip() for part in script.table(task).splitlines()[2].split("|")]

    return write


def test_means_are_over_what_was_tested(run):
    run("text-ada-seed0", 1000, 0.8, 0.7)
    row = run("text-ada-seed1", 1000, 0.6)
    assert row[1] == "AdaWavSpA" and row[6:9] == ["0, 1", "70.0 ± 14.1", "70.0 (1 of 2)"]


def test_runs_that_were_cut_off_are_told_from_whole_ones(run):
    run("image-transformer-seed0", 9000, 0.5, 0.4)
    run("image-transformer-seed1", 7000, 0.5, 0.4, whole=False)
    row = run("image-transformer-seed2", 8000, 0.5, whole=False)
    assert row[8:10] == ["40.0 ± 0.0 (2 of 3)", "9,000; cut off after 7,000 (seeds 1, 2)"]


def test_every_run_has_a_row(script, run):
    run("text-ada-seed0", 1000, 0.8, 0.7)
    run("image-transformer-seed1", 7000, 0.5, whole=False)
    rows = [line.strip("| ").split(" | ") for line in script.table("runs").splitlines()[2:]]
    name = "[text-ada-seed0](results/text-ada-seed0)"
    assert rows[0] == [name, "1,000", "4,000", "1.5", "abcdef0", "80.0", "70.0"]
    assert rows[1][1:3] == ["7,000, cut off", "28,000"] and rows[1][-1] == "50.0"


def test_tests_beyond_the_trained_lengths_have_a_row_for_each_task_and_model():
    rows = {
        tuple(part.strip() for part in line.split("|")[1:3]): line
        for line in results_page().table("reasoning").splitlines()
    }
    assert (
        "| 3 | 66,946 | 40,000 | 100.0 ± 0.0 | 100.0 ± 0.0 | 99.4 ± 1.1 | 50.9 |" in rows["even pairs", "Transformer"]
    )


def test_lego_has_a_column_for_each_untrained_link():
    head, _, *rows = (
        [part.strip() for part in line.strip("|\n").split("|")] for line in results_page().table("lego12").splitlines()
    )
    assert head[5:] == ["trained", *(f"link {link}" for link in range(7, 13))]
    shared = next(row for row in rows if row[0] == "AdaWavSpA" and row[1].startswith("1, 8 passes"))
    assert shared[2:] == [
        *("3", "270,338", "40,000", "100.0 ± 0.0"),
        *("98.5 ± 2.6", "96.0 ± 6.7", "90.0 ± 9.5", "75.2 ± 5.0", "57.2 ± 6.2", "52.5 ± 3.1"),
    ]
