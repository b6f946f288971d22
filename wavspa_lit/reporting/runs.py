"""A run directory is self-contained: config.yaml, checkpoints/{best,last}.ckpt, TensorBoard events, results.json."""

import json
from pathlib import Path
from typing import Any

RUNS = Path("runs")


def config_of(checkpoint: str | Path) -> Path:
    """The config.yaml of the run that wrote `checkpoint`."""
    return run_of(checkpoint) / "config.yaml"


def run_of(checkpoint: str | Path) -> Path:
    """The run directory that holds `checkpoint` in its folder `checkpoints`."""
    return Path(checkpoint).parent.parent


def new_run(task: str, model: str) -> Path:
    """An unused directory `runs/{task}/{model}`, with `-2`, `-3`, ... behind it where that is taken."""
    path, number = RUNS / task / model, 1
    while path.exists():
        number += 1
        path = RUNS / task / f"{model}-{number}"
    return path


def latest_run(task: str, model: str) -> Path | None:
    """The directory that `new_run` gave out last; None if it never did."""
    path, latest, number = RUNS / task / model, None, 1
    while path.exists():
        latest, number = path, number + 1
        path = RUNS / task / f"{model}-{number}"
    return latest


def write_results(run: str | Path, stage: str, results: dict[str, Any]) -> Path:
    """Merges `{stage: results}` into the run's results.json, atomically, and returns its path."""
    path = Path(run) / "results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps({**known, stage: results}, indent=2) + "\n")
    partial.replace(path)
    return path


def read_results(run: str | Path) -> dict[str, Any]:
    """Reads a run's results.json; FileNotFoundError when the run was neither trained nor tested."""
    return json.loads((Path(run) / "results.json").read_text())


def read_tested(run: str | Path) -> dict[str, Any]:
    """Reads the results.json of a tested run; ValueError, with the command that tests it, for another."""
    path = Path(run)
    results = read_results(path) if (path / "results.json").is_file() else {}
    if "test" not in results:
        raise ValueError(f"{path} has no test results; run: wavspa test --ckpt_path {path}/checkpoints/best.ckpt")
    return results
