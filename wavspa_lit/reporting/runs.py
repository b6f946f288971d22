"""A run directory is self-contained: config.yaml, checkpoints/{best,last}.ckpt, TensorBoard events, results.json."""

import json
import re
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
    """An unused directory `runs/{task}/{model}`, or that with `-2`, `-3`, ... behind it, after all that there are."""
    number = max(_runs(task, model), default=0) + 1
    return RUNS / task / (model if number == 1 else f"{model}-{number}")


def latest_run(task: str, model: str) -> Path | None:
    """The directory that `new_run` gave out last; None if it never did."""
    runs = _runs(task, model)
    return runs[max(runs)] if runs else None


def _runs(task: str, model: str) -> dict[int, Path]:
    """The directories that `new_run` gave out and that are still there, by their number."""
    matches = {path: re.fullmatch(rf"{re.escape(model)}(?:-(\d+))?", path.name) for path in (RUNS / task).glob("*")}
    return {int(match[1] or 1): path for path, match in matches.items() if match}


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
