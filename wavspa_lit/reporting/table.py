"""Compares runs: `python -m wavspa_lit.reporting.table RUN [RUN ...]` prints one line for each."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from wavspa_lit.reporting.runs import read_tested

COLUMNS = ("run", "accuracy", "trained", "extrapolated", "chance", "parameters", "steps", "seconds")


def rows(runs: Sequence[str | Path]) -> list[dict[str, str]]:
    """One row of texts per run, from its results.json; a run that was not tested is refused with a ValueError."""
    table = []
    for run in runs:
        results = read_tested(run)
        fit, test = results.get("fit", {}), results["test"]
        row = {"run": Path(run).name, "parameters": f"{test['parameters']:,}"}
        names = {"accuracy": "acc", "trained": "acc_trained", "extrapolated": "acc_extrapolated", "chance": "chance"}
        row |= {column: f"{100 * test[f'test/{key}']:.1f} %" for column, key in names.items() if f"test/{key}" in test}
        row |= {key: f"{fit[key]:.0f}" for key in ("steps", "seconds") if key in fit}
        table.append(row)
    return table


def render(table: Sequence[dict[str, str]]) -> str:
    """The rows as a Markdown table, with the columns that at least one of them has."""
    columns = [column for column in COLUMNS if any(column in row for row in table)]
    cells = [columns, *([row.get(column, "") for column in columns] for row in table)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def main() -> None:
    """Prints the table of the runs named on the command line."""
    parser = argparse.ArgumentParser(description="Print a table of test results.")
    parser.add_argument("runs", nargs="+", help="Run directories")
    try:
        print(render(rows(parser.parse_args().runs)))
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
