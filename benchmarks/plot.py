"""Draws the tables of benchmarks/results into docs: times against their floors, and how attentions grow.

python benchmarks/plot.py
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"


def rows(lines: list[str]) -> list[list[str]]:
    """Cells of the first Markdown table, header first, without the line of dashes."""
    table = [line for line in lines if line.startswith("|")]
    end = next((i for i, line in enumerate(lines) if table and line == "" and lines.index(table[0]) < i), len(lines))
    table = [line for line in lines[:end] if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table if "--" not in line]


def transforms() -> None:
    """Forward and backward pass of one level, in units of the memory's floor."""
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 3), layout="constrained")
    for axis, name in zip(axes, ("h200", "cpu"), strict=True):
        lines = (HERE / "results" / f"wavelets_{name}.md").read_text().splitlines()
        _, _, *table = rows(lines)
        labels = [row[0].replace("*", "") for row in table]
        times = [float(row[3].split("(")[1].rstrip("x)")) for row in table]
        axis.barh(labels, times, color=["C1" if "**" in row[0] else "C0" for row in table])
        axis.axvline(1, color="black", linewidth=1)
        axis.set(xscale="log", title=lines[0].split(", torch")[0], xlabel="time / floor")
        axis.invert_yaxis()
    figure.savefig(DOCS / "transforms.png", dpi=120)


def attentions() -> None:
    """Time and memory of a block against the length."""
    header, *table = rows((HERE / "results" / "attention_h100.md").read_text().splitlines())
    lengths = [int(cell.replace(",", "")) for cell in header[2:-1]]
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), sharex=True, sharey="row", layout="constrained")
    for column, space in enumerate(("token", "wavelet")):
        for line, unit in enumerate(("ms", "MiB")):
            axis = axes[line][column]
            for row in table:
                if row[0] == space:
                    axis.plot(lengths, [float(cell.split(" / ")[line]) for cell in row[2:-1]], "o-", label=row[1])
            axis.set(xscale="log", yscale="log", title=f"{space} space", ylabel=unit, xlabel="tokens")
            axis.grid(alpha=0.3)
    axes[1][0].legend(fontsize=8)
    figure.savefig(DOCS / "attention.png", dpi=120)


if __name__ == "__main__":
    transforms()
    attentions()
