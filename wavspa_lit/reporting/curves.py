"""Draws accuracy against length or position: `python -m wavspa_lit.reporting.curves PICTURE RUN [RUN ...]`.

Runs whose names differ only in a trailing `-seedN` become one line, the mean, in a band from the lowest to the highest;
the same numbers are printed as a table.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from matplotlib.figure import Figure

from wavspa_lit.reporting.runs import read_tested

Curve = dict[int, float]
GROUP = r"{split}/acc_by_(\w+)/(\d+)$"


def curve_of(results: Mapping[str, float], split: str = "test") -> tuple[str, Curve]:
    """The name of the groups and the accuracy of each, from metrics; an empty curve if there are no groups."""
    pattern = re.compile(GROUP.format(split=split))
    found = [(match, value) for key, value in results.items() if (match := pattern.match(key))]
    return (found[0][0][1] if found else ""), {int(match[2]): value for match, value in found}


def draw_curves(
    curves: Mapping[str, Sequence[Curve]], group_name: str, trained: Sequence[int] = (), chance: float | None = None
) -> Figure:
    """Draws accuracy curves.

    Args:
        curves: For each label, one curve for each seed.
        group_name: What the horizontal axis shows, such as `position`.
        trained: Trained values, which are shaded.
        chance: Accuracy of a constant answer, drawn as a dotted line.
    """
    figure = Figure(figsize=(4.8, 3.2))
    axes = figure.add_axes((0.13, 0.15, 0.85, 0.82))
    if trained:
        known = sorted(next(iter(curves.values()))[0])
        half = min((b - a for a, b in pairwise(known)), default=1) / 2  # shade half the way to the neighbours
        axes.axvspan(min(trained) - half, max(trained) + half, color="0.92", label="trained")
    for label, seeds in curves.items():
        values = sorted(seeds[0])
        columns = [[seed[value] for seed in seeds] for value in values]
        (line,) = axes.plot(values, [sum(c) / len(c) for c in columns], marker="o", markersize=3, label=label)
        axes.fill_between(
            values, [min(c) for c in columns], [max(c) for c in columns], color=line.get_color(), alpha=0.2
        )
    if chance is not None:
        axes.axhline(chance, color="0.5", linestyle=":", label="constant answer")
    axes.set(xlabel=group_name, ylabel="accuracy", ylim=(0, 1.02))
    axes.legend(fontsize=9, loc="lower left")
    return figure


def render_curves(curves: Mapping[str, Sequence[Curve]]) -> str:
    """A Markdown table, a row for each label: mean (lowest-highest) accuracy of the seeds in percent, by group."""
    values = sorted(next(iter(curves.values()))[0])
    lines = [["model", *map(str, values)], ["---"] * (len(values) + 1)]
    for label, seeds in curves.items():
        columns = [[100 * seed[value] for seed in seeds] for value in values]
        lines.append([label, *(f"{sum(c) / len(c):.1f} ({min(c):.0f}-{max(c):.0f})" for c in columns)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Draws the runs named on the command line."""
    parser = argparse.ArgumentParser(description="Draw accuracy against length or position.")
    parser.add_argument("picture", help="PNG to write")
    parser.add_argument("runs", nargs="+", help="Tested run directories")
    arguments = parser.parse_args()
    curves: dict[str, list[Curve]] = {}
    groups: set[tuple[str, tuple[int, ...]]] = set()
    for run in arguments.runs:
        try:
            test = read_tested(run)["test"]
        except ValueError as error:
            parser.error(str(error))
        group_name, curve = curve_of(test)
        curves.setdefault(re.sub(r"-seed\d+$", "", Path(run).name), []).append(curve)
        groups.add((group_name, tuple(sorted(curve))))
        if not curve or len(groups) > 1:
            parser.error(f"{run} does not report the lengths or positions that the others do")
    figure = draw_curves(curves, group_name, test.get("trained_values", ()), test["test/chance"])
    figure.savefig(arguments.picture, dpi=150)
    print(render_curves(curves))


if __name__ == "__main__":
    main()
