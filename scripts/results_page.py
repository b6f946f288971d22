"""Writes the tables of docs/results.md, docs/reasoning.md and README.md: `python scripts/results_page.py`.

A folder of docs/results is named {task}-{model}-seed{N} and holds the run's config.yaml, validation.csv (step,
accuracy), commit and, where the run was tested, results.json. Folders of docs/results/reasoning are named the same and
hold results.json, of a test beyond the trained lengths or links. A table stands between `<!-- table: TASK -->` and
`<!-- end -->`; what else stands there is replaced.
"""

import csv
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from matplotlib.figure import Figure

from wavspa_lit.reporting.curves import curve_of, draw_curves
from wavspa_lit.reporting.runs import read_results, read_tested

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
LEGO_MODELS = MODELS | {
    "rotary": "Transformer, rotary positions",
    "rotary_low": "Transformer, rotary positions, rate 3e-4",
    "sinusoidal": "Transformer, sinusoidal positions",
    "sinusoidal_low": "Transformer, sinusoidal positions, rate 3e-4",
    "sinusoidal_high": "Transformer, sinusoidal positions, rate 3e-3",
    "convolution": "Transformer after a convolution",
}
TASKS = {"text": "Text", "image": "Image", "listops": "ListOps", "retrieval": "Retrieval", "pathfinder": "Pathfinder"}
PUBLISHED = {"text": 81.60, "image": 55.58, "listops": 55.40, "pathfinder": 81.12}
"""AdaWavSpA's test accuracy in percent, by its authors and under their protocol (arXiv 2210.01989)."""
HEAD = ("model", "level", "positions", "rate", "parameters", "seeds", "best validation", "test", "steps", "seconds")
RUN = ("run", "steps", "examples", "GPU minutes", "commit", "best validation", "test")
LEGO = ("model", "layers", "seeds", "parameters", "steps", "trained")
BEYOND = ("task", "model", "seeds", "parameters", "steps", "trained", "first beyond", "beyond", "a constant answer")
PART = re.compile(r"(?P<begin><!-- table: (?P<task>[a-z0-9]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)


class Cell(NamedTuple):
    """What a run says of itself."""

    seed: int
    commit: str
    config: dict[str, Any]
    validation: dict[int, float]
    """Accuracy by step."""
    fit: Mapping[str, Any]
    test: Mapping[str, Any]


def read(task: str) -> dict[str, list[Cell]]:
    """The runs of each model, in the order of `MODELS`."""
    cells: defaultdict[str, list[Cell]] = defaultdict(list)
    for folder in sorted(RESULTS.iterdir()):
        if (name := NAME.fullmatch(folder.name)) and name["task"] == task:
            with (folder / "validation.csv").open() as file:
                validation = {int(row["step"]) + 1: float(row["val/acc"]) for row in csv.DictReader(file)}
            commit = (folder / "commit").read_text().strip()
            results = read_results(folder) if (folder / "results.json").is_file() else {}
            config = yaml.safe_load((folder / "config.yaml").read_text())
            parts = (results.get(part, {}) for part in ("fit", "test"))
            cells[name["model"]].append(Cell(int(name["seed"]), commit, config, validation, *parts))
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
        spread([max(cell.validation.values()) for cell in cells]),
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
        whole.append(f"cut off after {min(max(cell.validation) for cell in cut):,}{seeds}")
    return "; ".join(whole)


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation in percent."""
    mean = f"{100 * statistics.mean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else mean


def tested_steps(tests: Sequence[Mapping[str, Any]]) -> str:
    """The steps after which the runs were tested."""
    steps = [test["step"] for test in tests]
    return " to ".join(f"{number:,}" for number in sorted({min(steps), max(steps)}))


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
        tested_steps(tests),
        spread([test["test/acc_trained"] for test in tests]),
        spread([test[f"test/acc_by_{group}/{value}"] for test, value in zip(tests, first, strict=True)]),
        spread([test["test/acc_extrapolated"] for test in tests]),
        spread([tests[0]["test/chance"]]),
    ]


def read_reasoning(lego: bool) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """The results in docs/results/reasoning, by task and model: those of LEGO, or the others."""
    found: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for folder in sorted(REASONING.iterdir()):
        if (name := NAME.fullmatch(folder.name)) and name["task"].startswith("lego") == lego:
            found[name["task"], name["model"]].append(read_tested(folder) | {"folder": folder})
    return found


def reasoning() -> str:
    """The Markdown table of the Chomsky tasks in docs/results/reasoning."""
    rows = [beyond(task, model, runs) for (task, model), runs in read_reasoning(lego=False).items()]
    return render([BEYOND, ["---"] * 2 + ["--:"] * 7, *rows])


def read_lego(task: str) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """The tests of LEGO's runs, by model and layers, both as the pages name them."""
    found = {}
    for (name, model), runs in read_reasoning(lego=True).items():
        if name == task:
            space = model.rsplit("-", 1)[0]
            found[LEGO_MODELS.get(space, space), layers_of(runs[0]["folder"])] = [run["test"] for run in runs]
    return found


def layers_of(folder: Path) -> str:
    """How deep the encoder of a run is, and how often a shared layer is passed."""
    encoder = yaml.safe_load((folder / "config.yaml").read_text())["model"]["init_args"]["encoder"]
    passes = f", {encoder['loops']} passes, {encoder['test_loops']} in the test" if encoder["share_layers"] else ""
    return f"{encoder['layers']}{passes}"


def lego(task: str) -> str:
    """The Markdown table of a setting of LEGO: the trained links together, the others one by one."""
    found = read_lego(task)
    example = next(iter(found.values()))[0]
    untrained = [link for link in curve_of(example)[1] if link not in example["trained_values"]]
    rows = []
    for (model, layers), tests in found.items():
        row = [model, layers, str(len(tests)), f"{tests[0]['parameters']:,}", tested_steps(tests)]
        row.append(spread([test["test/acc_trained"] for test in tests]))
        rows.append(row + [spread([curve_of(test)[1][link] for test in tests]) for link in untrained])
    head = [*LEGO, *(f"link {link}" for link in untrained)]
    return render([head, ["---"] * 2 + ["--:"] * (len(head) - 2), *rows])


def curves_lego(task: str) -> Figure:
    """Accuracy by link, a line for each model with a shared layer at the rate of most."""
    shared = {
        model: tests for (model, layers), tests in read_lego(task).items() if "passes" in layers and "rate" not in model
    }
    test = next(iter(shared.values()))[0]
    curves = {model: [curve_of(test)[1] for test in tests] for model, tests in shared.items()}
    figure = draw_curves(curves, "link", test["trained_values"], test["test/chance"])
    figure.set_size_inches(7, 4.2)
    return figure


def curves_beyond() -> Figure:
    """Accuracy by length, a panel for each task: the mean over the seeds, in a band from the lowest to the highest."""
    figure, found = Figure(figsize=(9, 5), layout="constrained"), read_reasoning(lego=False)
    for panel, task in zip(figure.subplots(2, 3, sharey=True).flat, sorted({task for task, _ in found}), strict=True):
        for number, model in enumerate(("ada", "transformer")):
            tests = [run["test"] for run in found[task, model]]
            curves = [curve_of(test)[1] for test in tests]
            lengths = sorted(curves[0])
            columns = [[100 * curve[length] for curve in curves] for length in lengths]
            means, low, high = ([of(column) for column in columns] for of in (statistics.mean, min, max))
            panel.plot(lengths, means, color=f"C{number}", label=MODELS[model])
            panel.fill_between(lengths, low, high, color=f"C{number}", alpha=0.2)
        panel.axvspan(0, max(tests[0]["trained_values"]), color="0.9", label="trained")
        panel.axhline(100 * tests[0]["test/chance"], color="0.5", linestyle=":", label="a constant answer")
        panel.set(title=task.replace("_", " "), xlabel="length", xlim=(0, lengths[-1]), ylim=(0, 102))
    figure.supylabel("accuracy, %", fontsize=10)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    return figure


def runs() -> str:
    """The Markdown table of every run of the arena: what it took, and of which commit it is."""
    lines = []
    for task in TASKS:
        for model, cells in read(task).items():
            for cell in cells:
                name, steps = f"{task}-{model}-seed{cell.seed}", cell.fit.get("steps", max(cell.validation))
                seconds, test = cell.fit.get("seconds"), cell.test.get("test/acc")
                lines.append(
                    [
                        f"[{name}](results/{name})",
                        f"{steps:,}" + ("" if cell.fit else ", cut off"),
                        f"{steps * cell.config['data']['init_args']['batch_size']:,}",
                        f"{seconds / 60:.1f}" if seconds else "",
                        cell.commit,
                        spread([max(cell.validation.values())]),
                        "" if test is None else spread([test]),
                    ]
                )
    return render([RUN, ["---"] + ["--:"] * 6, *lines])


def learning_curves() -> Figure:
    """Accuracy of the validation by step, a panel for each task and a line for each seed."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    colours = {model: f"C{number}" for number, model in enumerate(MODELS)}
    for panel, task in zip(figure.subplots(2, 2).flat, PUBLISHED, strict=True):
        for model, cells in read(task).items():
            for number, cell in enumerate(cells):
                label = None if number else MODELS[model]
                percent = [100 * accuracy for accuracy in cell.validation.values()]
                panel.plot(list(cell.validation), percent, color=colours[model], label=label)
        low, high = panel.get_ylim()
        room = max(0, 10 - (high - low)) / 2  # noise must not look like learning
        panel.set(title=TASKS[task], xlabel="step", ylabel="validation, %", ylim=(low - room, high + room))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def table(task: str) -> str:
    """The Markdown table of a task of the arena, of all its `runs`, of `reasoning`, or of LEGO."""
    if task == "reasoning":
        return reasoning()
    if task.startswith("lego"):
        return lego(task)
    if task == "runs":
        return runs()
    rows = [row(model, cells) for model, cells in read(task).items()]
    if task in PUBLISHED:
        rows.append(["AdaWavSpA as published, by others", *[""] * 6, f"{PUBLISHED[task]:.1f}", "", ""])
    return render([HEAD, ["---"] * 4 + ["--:"] + ["---"] + ["--:"] * 4, *rows])


def render(lines: Sequence[Sequence[str]]) -> str:
    """Lines of a Markdown table."""
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(text: str) -> str:
    """The text with its tables made anew."""
    return PART.sub(lambda part: part["begin"] + table(part["task"]) + part["end"], text)


def main() -> None:
    """Rewrites the pages and the pictures."""
    learning_curves().savefig(ROOT / "docs" / "learning.png", dpi=110)
    curves_beyond().savefig(ROOT / "docs" / "beyond.png", dpi=110)
    curves_lego("lego12").savefig(ROOT / "docs" / "lego12.png", dpi=110)
    for file in PAGES:
        file.write_text(page(file.read_text()))
    sys.stdout.write(f"written: {', '.join(str(file.relative_to(ROOT)) for file in PAGES)}\n")


if __name__ == "__main__":
    main()
