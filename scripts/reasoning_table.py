"""The tables of docs/reasoning.md: `python scripts/reasoning_table.py docs/results/reasoning`, after `wavspa sweep`.

For each config of a sweep, a row for each model: accuracy in percent over the trained lengths or links, at the first
tested one beyond, and over all beyond; mean (lowest-highest) over the seeds.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wavspa_lit.reporting.curves import curve_of
from wavspa_lit.reporting.runs import read_tested

COLUMNS = ("model", "seeds", "parameters", "steps", "trained", "first beyond", "beyond")
NAME = re.compile(r"(?P<config>[^-]+)-(?P<model>.+)-seed\d+")


def spread(values: Sequence[float]) -> str:
    """`mean (lowest-highest)` in percent."""
    mean, low, high = (100 * value for value in (sum(values) / len(values), min(values), max(values)))
    return f"{mean:.1f} ({low:.1f}-{high:.1f})" if len(values) > 1 else f"{mean:.1f}"


def row(model: str, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The cells of a model, from the results of its seeds."""
    tests = [run["test"] for run in runs]
    first = [min(value for value in curve_of(test)[1] if value not in test["trained_values"]) for test in tests]
    group = curve_of(tests[0])[0]
    accuracies = [
        [test["test/acc_trained"] for test in tests],
        [test[f"test/acc_by_{group}/{value}"] for test, value in zip(tests, first, strict=True)],
        [test["test/acc_extrapolated"] for test in tests],
    ]
    steps = sorted({run.get("fit", {}).get("steps", 0) for run in runs})
    return [model, str(len(runs)), f"{tests[0]['parameters']:,}", "-".join(map(str, steps)), *map(spread, accuracies)]


def tables(folder: Path) -> str:
    """A Markdown table for each config; ValueError for a run that was not tested."""
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for path in sorted(folder.glob("*-seed*/results.json")):
        if name := NAME.fullmatch(path.parent.name):
            found.setdefault(name["config"], {}).setdefault(name["model"], []).append(read_tested(path.parent))
    lines = []
    for config, models in found.items():
        lines += [f"**{config}**", "", f"| {' | '.join(COLUMNS)} |", "|---|" + "--:|" * (len(COLUMNS) - 1)]
        lines += ["| " + " | ".join(row(model, runs)) + " |" for model, runs in models.items()] + [""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables(Path(sys.argv[1])))
