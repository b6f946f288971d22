"""Writes the tables of docs/results.md and README.md from docs/results: `python scripts/results_page.py`.

A folder of docs/results is named {task}-{model}-seed{N} and holds the run's config.yaml, validation.csv (step,
accuracy) and, where the run came to its end, results.json. A table stands between `<!-- table: TASK -->` and
`<!-- end -->`; what else stands there is replaced.
"""

import csv
import json
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
PAGES = (ROOT / "docs" / "results.md", ROOT / "README.md")
NAME = re.compile(r"(?P<task>[a-z]+)-(?P<model>[a-z0-9]+)-seed(?P<seed>\d+)")
MODELS = {
    "ada": "AdaWavSpA",
    "ada1": "AdaWavSpA, level 1",
    "ortho": "OrthoWavSpA",
    "lift": "LiftWavSpA",
    "fixed": "fixed wavelet",
    "fourier": "Fourier space",
    "transformer": "Transformer",
    "wide": "Transformer, widened",
}
HEAD = ("model", "level", "positions", "rate", "parameters", "seeds", "best validation", "test", "steps", "seconds")
PART = re.compile(r"(?P<begin><!-- table: (?P<task>[a-z]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)


class Cell(NamedTuple):
    """What a run says of itself."""

    seed: int
    config: dict[str, Any]
    validation: list[float]
    validated: int
    fit: Mapping[str, Any]
    test: Mapping[str, Any]


def read(task: str) -> dict[str, list[Cell]]:
    """The runs of each model, in the order of `MODELS`."""
    cells: defaultdict[str, list[Cell]] = defaultdict(list)
    for folder in sorted(RESULTS.iterdir()):
        if (name := NAME.fullmatch(folder.name)) and name["task"] == task:
            with (folder / "validation.csv").open() as file:
                rows = list(csv.DictReader(file))
            validation = [float(row["val/acc"]) for row in rows]
            file = folder / "results.json"
            results = json.loads(file.read_text()) if file.is_file() else {}
            config = yaml.safe_load((folder / "config.yaml").read_text())
            parts = (results.get(part, {}) for part in ("fit", "test"))
            cells[name["model"]].append(Cell(int(name["seed"]), config, validation, int(rows[-1]["step"]) + 1, *parts))
    return {model: cells[model] for model in MODELS if model in cells}


def row(model: str, cells: Sequence[Cell]) -> list[str]:
    """The row of a model."""
    encoder, optimizer = (cells[0].config["model"]["init_args"][name] for name in ("encoder", "optimizer"))
    tests = [cell.test["test/acc"] for cell in cells if "test/acc" in cell.test]
    seconds = [cell.fit["seconds"] for cell in cells if cell.fit]
    ended = [cell for cell in cells if cell.fit]
    return [
        MODELS[model],
        str(encoder["wavelet"]["level"]) if encoder["space"] == "wavelet" else "",
        encoder["positions"],
        f"{optimizer['lr']:g}",
        next((f"{part['parameters']:,}" for cell in cells for part in (cell.fit, cell.test) if part), ""),
        ", ".join(str(cell.seed) for cell in cells),
        spread([max(cell.validation) for cell in cells]) + ("" if ended else f", cut off after {cells[0].validated:,}"),
        (spread(tests) + (f" ({len(tests)} of {len(cells)})" if len(tests) < len(cells) else ""))
        if tests
        else "not tested",
        f"{ended[0].fit['steps']:,}" if ended else "",
        f"{statistics.mean(seconds):.0f}" if seconds else "",
    ]


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation in percent."""
    mean = f"{100 * statistics.mean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else mean


def table(task: str) -> str:
    """The Markdown table of a task."""
    rows = [row(model, cells) for model, cells in read(task).items()]
    lines = [HEAD, ["---"] * 4 + ["--:"] + ["---"] + ["--:"] * 4, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(text: str) -> str:
    """The text with its tables made anew."""
    return PART.sub(lambda part: part["begin"] + table(part["task"]) + part["end"], text)


def main() -> None:
    """Rewrites the pages."""
    for file in PAGES:
        file.write_text(page(file.read_text()))
    sys.stdout.write(f"written: {', '.join(str(file.relative_to(ROOT)) for file in PAGES)}\n")


if __name__ == "__main__":
    main()
