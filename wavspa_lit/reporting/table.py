"""Runs as a table: a row for each, or for each group of seeds."""

import statistics
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from wavspa_lit.reporting.collected import Run, read_run
from wavspa_lit.reporting.runs import tests_with

ACCURACIES = {"accuracy": "acc", "trained": "acc_trained", "extrapolated": "acc_extrapolated", "chance": "chance"}
ACCURACIES |= {"macro F1": "f1", "AUROC": "auroc", "mAP": "map"}
NUMBERS = {"R²": "r2", "MAE": "mae", "MSE": "mse"}
"""Columns of regressions, by the name of the metric."""
COLUMNS = (
    "run",
    "task",
    "model",
    "attention",
    "seed",
    *ACCURACIES,
    *NUMBERS,
    "parameters",
    "steps",
    "seconds",
    "date",
    "note",
)


def rows(runs: Sequence[str | Path]) -> list[dict[str, str]]:
    """One row of texts per tested run; the others are left out with a warning that says how to test them."""
    return [row for path in runs if (row := row_of(read_run(path)))]


def row_of(run: Run) -> dict[str, str]:
    """The row of a run; empty, and a warning, if it was not tested."""
    fit, test = run.results.get("fit", {}), run.test
    if not test:
        warnings.warn(f"{run.path} is left out: it has no test results; run: {tests_with(run.path)}", stacklevel=2)
        return {}
    row = {"run": run.path.name, "parameters": f"{test['parameters']:,}"}
    row |= {column: f"{100 * test[f'test/{key}']:.1f} %" for column, key in ACCURACIES.items() if f"test/{key}" in test}
    row |= {column: f"{test[f'test/{key}']:.4g}" for column, key in NUMBERS.items() if f"test/{key}" in test}
    row |= {key: f"{fit[key]:.0f}" for key in ("steps", "seconds") if key in fit}
    task, model = run.names
    encoder = run.config.get("model", {}).get("init_args", {}).get("encoder", {})
    known = {
        "task": task,
        "model": model.removesuffix(f"-{encoder.get('attention', {}).get('kind')}"),
        "attention": encoder.get("attention", {}).get("kind", ""),
        "seed": str(run.config.get("seed_everything", "")),
        "date": test.get("date", "")[:10],
        "note": run.notes,
    }
    return row | {name: value for name, value in known.items() if value}


def summary(groups: Mapping[str, Sequence[Run]]) -> list[dict[str, str]]:
    """One row per group of runs: mean ± standard deviation over its tested seeds."""
    table = []
    for name, runs in groups.items():
        tests = [run.test for run in runs if run.test]
        if tests:
            seeds = {run.config.get("seed_everything", run.path) for run in runs if run.test}
            row = {"model": name, "task": runs[0].names[0], "seeds": str(len(seeds))}
            if len(seeds) < len(tests):
                row["note"] = f"{len(tests)} runs, some of the same seed"
            for column, key in (ACCURACIES | NUMBERS).items():
                factor, form, unit = (100, ".1f", " %") if column in ACCURACIES else (1, ".4g", "")
                values = [factor * test[f"test/{key}"] for test in tests if f"test/{key}" in test]
                if values:
                    spread = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
                    row[column] = f"{statistics.mean(values):{form}}{spread}{unit}"
            row["parameters"] = f"{tests[0]['parameters']:,}"
            table.append(row)
    return table


def columns_of(table: Sequence[Mapping[str, str]]) -> list[str]:
    """The columns that at least one row has, in the order of `COLUMNS`, and those that it does not know after them."""
    known = dict.fromkeys(name for row in table for name in row)
    return [name for name in COLUMNS if name in known] + [name for name in known if name not in COLUMNS]


def render(table: Sequence[Mapping[str, str]]) -> str:
    """The rows as a Markdown table, with the columns that at least one of them has."""
    columns = columns_of(table)
    cells = [columns, *([row.get(column, "") for column in columns] for row in table)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
