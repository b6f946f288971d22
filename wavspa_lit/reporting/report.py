"""`wavspa report`: one page about many runs."""

import argparse
import datetime
import io
import re
import statistics
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from wavspa_lit.reporting.collected import Run, differences, find_runs, groups_of, read_run
from wavspa_lit.reporting.curves import Curve, curve_of, draw_curves
from wavspa_lit.reporting.events import events_of
from wavspa_lit.reporting.page import Picture, Section, write_html, write_markdown
from wavspa_lit.reporting.table import render, row_of, summary

Groups = Mapping[str, Sequence[Run]]
CURVES = {"val/acc": "validation accuracy", "val/loss": "validation loss", "train/loss": "training loss"}
INSTEAD = {"val/acc": ("val/r2", "validation R²")}
"""The curve that takes the place of one that no run of a task has."""
BLOCKS = ("filters", "attention", "scalogram")
"""Pictures of a run's blocks that the report shows, by the second part of their names in TensorBoard."""


def run(arguments: Sequence[str]) -> None:
    """Writes the report of the runs that are named, or prints their table."""
    parser = argparse.ArgumentParser(
        prog="wavspa report",
        description="Compare runs: results with mean and standard deviation over seeds, learning curves, what differs "
        "between the configs, filters, extrapolation, speed and memory.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run directory, or a folder of them")
    parser.add_argument("--output", type=Path, help="report.html, one page, or report.md; default: print the table")
    options = parser.parse_args(arguments)
    output: Path | None = options.output
    if output is not None and output.suffix not in (".html", ".md"):
        parser.error(f"--output {output}: the name must end with .html or .md")
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    try:
        runs = [read_run(path) for path in find_runs(options.runs)]
    except ValueError as error:
        parser.error(str(error))
    table = [row for each in runs if (row := row_of(each))]
    if output is not None:
        title = f"{len(runs)} runs" if len(runs) > 1 else runs[0].path.name
        write = write_html if output.suffix == ".html" else write_markdown
        write(output, f"{title}, {datetime.date.today()}", sections(groups_of(runs), table))
        print(f"The report is {output}")
    elif table:
        print(render(table))
    else:
        sys.exit("error: none of the runs was tested")


def sections(groups: Groups, table: Sequence[Mapping[str, str]]) -> list[Section]:
    """The parts of the report that have something to show."""
    runs = [run for group in groups.values() for run in group]
    results = Section("Results", tables=[summary(groups), table] if table else [])
    results.texts.append("On the test set: mean ± standard deviation over the seeds; then each run.")
    if untested := [str(run.path) for run in runs if not run.test]:
        results.notes.append(f"Not tested: {', '.join(untested)}.")
    results.notes += [f"{run.path.name}: {run.notes}." for run in runs if run.notes]
    parts = [results, what_differs(groups), *learning(groups), *extrapolation(groups), blocks(groups), costs(groups)]
    return [part for part in parts if part.tables or part.pictures or part.notes]


def what_differs(groups: Groups) -> Section:
    """The settings that are not the same in all groups."""
    found = differences([group[0].settings for group in groups.values()])
    rows = [{"setting": name, **dict(zip(groups, map(str, found[name]), strict=True))} for name in sorted(found)]
    return Section("What differs", tables=[rows] if rows else [])


def learning(groups: Groups) -> list[Section]:
    """Learning curves side by side, a section for each task: seeds in one colour."""
    parts = []
    for task in dict.fromkeys(group[0].names[0] for group in groups.values()):
        mine = {name: group for name, group in groups.items() if group[0].names[0] == task}
        figure = Figure(figsize=(13, 4), layout="constrained")
        drawn = False
        for axes, (shown, title) in zip(figure.subplots(1, len(CURVES)), CURVES.items(), strict=True):
            if shown in INSTEAD and not any(curve(run.path, shown) for runs in mine.values() for run in runs):
                shown, title = INSTEAD[shown]
            for index, (name, runs) in enumerate(mine.items()):
                label: str | None = name
                for points in filter(None, (curve(run.path, shown) for run in runs)):
                    axes.plot(*zip(*points, strict=True), color=f"C{index % 10}", linewidth=1.2, alpha=0.8, label=label)
                    label, drawn = None, True
            axes.set(title=title, xlabel="step")
            axes.grid(alpha=0.3)
        if drawn:
            figure.axes[0].legend(fontsize=8)
            parts.append(
                Section(f"Learning curves {task}".strip(), pictures=[Picture("A line for each seed", png(figure))])
            )
    return parts


def extrapolation(groups: Groups) -> list[Section]:
    """Accuracy by length or position, a section for each task that reports it: mean and range of the seeds."""
    parts: dict[tuple[str, str], dict[str, list[Curve]]] = {}
    tests: dict[tuple[str, str], Mapping[str, object]] = {}
    for name, runs in groups.items():
        for run in runs:
            group_name, found = curve_of(run.test)
            key = (run.names[0], group_name)
            if found and all(known.keys() == found.keys() for known in parts.get(key, {}).get(name, [])):
                parts.setdefault(key, {}).setdefault(name, []).append(found)
                tests.setdefault(key, run.test)
    made = []
    for (task, group_name), curves in parts.items():
        test = tests[task, group_name]
        figure = draw_curves(curves, group_name, test.get("trained_values", ()), test.get("test/chance"))  # type: ignore[arg-type]
        caption = f"Test accuracy by {group_name}: mean over the seeds, in a band from the lowest to the highest"
        made.append(Section(f"Accuracy by {group_name} {task}".strip(), pictures=[Picture(caption, png(figure))]))
    return made


def blocks(groups: Groups) -> Section:
    """The last pictures that the first seed of each group has in TensorBoard, filters beside those of the start."""
    part = Section("Filters and attention", ["The first seed of each model, after training; grey: before."])
    for name, runs in groups.items():
        events = events_of(runs[0].path)
        for shown in events.names("images") if events else []:
            if shown.count("/") and shown.split("/")[1] in BLOCKS:
                image = events.pictures(shown)[-1]  # type: ignore[union-attr]
                caption = f"{name}: {shown.split('/', 1)[1].replace('/', ', ').replace('_', ' ')}, step {image.step}"
                part.pictures.append(Picture(caption, image.encoded_image_string))
        shares = energy(runs[0].path)
        part.tables += [[{"model": name, **row} for row in shares]] if shares else []
    return part


def energy(run: Path) -> list[dict[str, str]]:
    """Share of each band in the energy at the end of a training, a row for each layer."""
    events = events_of(run)
    rows: dict[str, dict[str, str]] = {}
    for name in events.names() if events else []:
        if match := re.search(r"[_/]energy/(layer_\d+)[_/](.+)", name):  # with a slash in older versions
            layer, band = match.groups()
            value = 100 * events.curve(name)[-1][1]  # type: ignore[union-attr]
            rows.setdefault(layer, {"energy": layer.replace("_", " ")})[band.replace("_", " ")] = f"{value:.0f} %"
    return [rows[layer] for layer in rows]


def costs(groups: Groups) -> Section:
    """Time, throughput and memory of the trainings: means over the seeds."""
    rows = []
    for name, runs in groups.items():
        fits = [run.results["fit"] for run in runs if "fit" in run.results]
        rates = [rate for run in runs if (rate := throughput(run.path))]
        row = {"model": name}
        for column, key, unit in (("training", "seconds", "s"), ("peak memory", "peak_memory_mib", "MiB")):
            values = [fit[key] for fit in fits if key in fit]
            row |= {column: f"{statistics.mean(values):,.0f} {unit}"} if values else {}
        row |= {"tokens per second": f"{statistics.mean(rates):,.0f}"} if rates else {}
        rows += [row] if len(row) > 1 else []
    return Section("Speed and memory", tables=[rows] if rows else [])


def throughput(run: Path) -> float | None:
    """Median of the tokens a second that a training has logged; None if it has not."""
    points = curve(run, "speed/tokens_per_second")
    return statistics.median(value for _, value in points) if points else None


def curve(run: Path, name: str) -> list[tuple[int, float]]:
    """Steps and values of a curve; empty if there is none."""
    events = events_of(run)
    return events.curve(name) if events else []


def png(figure: Figure) -> bytes:
    """The figure as a PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100)
    return stream.getvalue()
