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
        assert "<!-- table: text -->" in text and text == script.page(text), "python scripts/results_page.py"


def test_means_are_over_what_was_tested():
    cells = [part.strip() for part in results_page().table("text").splitlines()[2].split("|")]
    assert cells[1] == "AdaWavSpA" and cells[6] == "0, 1" and cells[8].endswith("(1 of 2)")
