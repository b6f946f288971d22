"""Writes the tables of docs/results.md, docs/reasoning.md and README.md: `python scripts/results_page.py`.

A folder of docs/results is named {task}-{model}-seed{N} and holds the run's config.yaml, validation.csv (step,
accuracy) and, where the run came to its end, results.json. Folders of docs/results/reasoning are named the same and
hold results.json, of a test beyond the trained lengths or links. A table stands between `<!-- table: TASK -->` and
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

from wavspa_lit.reporting.curves import curve_of
from wavspa_lit.reporting.runs import read_tested

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
REASONING = RESULTS / "reasoning"
PAGES = (ROOT / "docs" / "results.md", ROOT / "docs" / "reasoning.md", ROOT / "README.md")
NAME = re.compile(r"(?P<task>[a-z0-9_]+)-(?P<model>[a-z0-9_-]+)-seed(?P<seed>\d+)")
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
BEYOND = ("task", "model", "seeds", "parameters", "steps", "trained", "first beyond", "beyond", "a constant answer")
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
    return [
        MODELS[model],
        str(encoder["wavelet"]["level"]) if encoder["space"] == "wavelet" else "",
        encoder["positions"],
        f"{optimizer['lr']:g}",
        next((f"{part['parameters']:,}" for cell in cells for part in (cell.fit, cell.test) if part), ""),
        ", ".join(str(cell.seed) for cell in cells),
        spread([max(cell.validation) for cell in cells]),
        (spread(tests) + (f" ({len(tests)} of {len(cells)})" if len(tests) < len(cells) else ""))
        if tests
        else "not tested",
        steps_of(cells),
        f"{statistics.mean(seconds):.0f}" if seconds else "",
    ]


def steps_of(cells: Sequence[Cell]) -> str:
    """How many steps the runs took: those that came to their end, and those that were cut off."""
    whole = sorted({f"{cell.fit['steps']:,}" for cell in cells if cell.fit})
    cut = [cell for cell in cells if not cell.fit]
    if cut:
        seeds = f" (seed{'s' * (len(cut) > 1)} {', '.join(str(cell.seed) for cell in cut)})" if whole else ""
        whole.append(f"cut off after {min(cell.validated for cell in cut):,}{seeds}")
    return "; ".join(whole)


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation in percent."""
    mean = f"{100 * statistics.mean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else mean


def beyond(task: str, model: str, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The row of a model in the table of what lies beyond the trained lengths or links."""
    tests = [run["test"] for run in runs]
    first = [min(value for value in curve_of(test)[1] if value not in test["trained_values"]) for test in tests]
    group = curve_of(tests[0])[0]
    return [
        task.replace("_", " "),
        MODELS.get(model, model),
        str(len(runs)),
        f"{tests[0]['parameters']:,}",
        "-".join(f"{steps:,}" for steps in sorted({test["step"] for test in tests})),
        spread([test["test/acc_trained"] for test in tests]),
        spread([test[f"test/acc_by_{group}/{value}"] for test, value in zip(tests, first, strict=True)]),
        spread([test["test/acc_extrapolated"] for test in tests]),
        spread([tests[0]["test/chance"]]),
    ]


def reasoning() -> str:
    """The Markdown table of all tested runs in docs/results/reasoning."""
    found: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for folder in sorted(REASONING.iterdir()):
        if name := NAME.fullmatch(folder.name):
            found[name["task"], name["model"]].append(read_tested(folder))
    rows = [beyond(task, model, runs) for (task, model), runs in found.items()]
    return render([BEYOND, ["---"] * 2 + ["--:"] * 7, *rows])


def table(task: str) -> str:
    """The Markdown table of a task of the arena, or of `reasoning`."""
    if task == "reasoning":
        return reasoning()
    rows = [row(model, cells) for model, cells in read(task).items()]
    return render([HEAD, ["---"] * 4 + ["--:"] + ["---"] + ["--:"] * 4, *rows])


def render(lines: Sequence[Sequence[str]]) -> str:
    """Lines of a Markdown table."""
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
