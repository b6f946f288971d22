"""The tables of the pages are those of the files in docs/results."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


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


def test_means_are_over_what_was_tested():
    cells = [part.strip() for part in results_page().table("text").splitlines()[2].split("|")]
    assert cells[1] == "AdaWavSpA" and cells[6] == "0, 1" and cells[8].endswith("(1 of 2)")


def test_runs_that_were_cut_off_are_told_from_whole_ones():
    cells = next(line for line in results_page().table("image").splitlines() if line.startswith("| Transformer |"))
    assert "| 0, 1, 2 |" in cells and "| 9,000; cut off after 7,000 (seeds 1, 2) |" in cells


def test_tests_beyond_the_trained_lengths_have_a_row_for_each_task_and_model():
    rows = {
        tuple(part.strip() for part in line.split("|")[1:3]): line
        for line in results_page().table("reasoning").splitlines()
    }
    assert "| 100.0 | 99.8 | 99.4 | 20.0 |" in rows["bucket sort", "Transformer"]
    assert "| 3 |" in rows["even pairs", "Transformer"]
