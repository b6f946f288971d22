"""A run directory is self-contained: config.yaml, checkpoints/{best,last}.ckpt, TensorBoard events, results.json."""

import fcntl
import json
import os
import re
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wavspa_lit.files import make_folder, replacing
from wavspa_lit.packaged import HERE

RUNS = Path("runs")


def config_of(checkpoint: str | Path) -> Path:
    """The config.yaml of the run that wrote `checkpoint`."""
    return run_of(checkpoint) / "config.yaml"


def run_of(checkpoint: str | Path) -> Path:
    """The run directory of a checkpoint, absolute: where its config.yaml lies.

    That is the folder above `checkpoints`, or the one that holds the file. A link is followed if there is no
    config.yaml where the link lies.
    """
    named = Path(os.path.abspath(checkpoint))
    folders = []
    for file in (named, named.resolve()):
        beside, above = file.parent, file.parent.parent
        folders += [above, beside] if beside.name == "checkpoints" else [beside, above]
    return next((folder for folder in folders if (folder / "config.yaml").is_file()), folders[0])


def evaluations_of(run: Path) -> Path:
    """Where the evaluations of a run are kept: in the run itself, but for one that ships in `runs/tests`.

    A run ships if it lies in the folder `checkpoints` of this project, or git tracks it: testing what a repository
    holds must not change the repository. It is called there as it is in that folder, or in the repository.
    """
    ours = HERE.parent / "checkpoints"
    if run.resolve().is_relative_to(ours):
        return RUNS / "tests" / run.resolve().relative_to(ours)
    command = ["git", "-C", str(run), "ls-files", "-z", "--full-name", "--error-unmatch", "config.yaml"]
    with suppress(OSError):  # there is no git
        found = subprocess.run(command, capture_output=True, text=True)
        if found.returncode == 0:
            return RUNS / "tests" / Path(found.stdout.rstrip("\0")).parent
    return run


def tests_with(run: str | Path) -> str:
    """The command that tests a run."""
    kept = [Path(run) / "checkpoints" / f"{name}.ckpt" for name in ("best", "last")]
    last_alone = kept[1].is_file() and not kept[0].is_file()
    return f"wavspa test --ckpt_path {kept[last_alone]}"


def new_run(task: str, model: str) -> Path:
    """Creates a directory `runs/{task}/{model}`, or that with `-2`, `-3`, ... after it, later than all that there are.

    Of several processes that ask at the same moment, each gets a directory of its own.
    """
    while True:
        number = max(_runs(task, model), default=0) + 1
        path = RUNS / task / (model if number == 1 else f"{model}-{number}")
        make_folder(path.parent)
        with suppress(FileExistsError):
            path.mkdir()  # succeeds in one process only
            return path


def latest_run(task: str, model: str) -> Path | None:
    """The directory that `new_run` gave out last for such a run; None if it never did.

    A directory whose config.yaml is of another task or model is passed over. Older versions left the attention and the
    kind of the task out of the names; such directories are found by their config.yaml.
    """
    for folder, name in ((task, model), (task.split("-")[0], model.split("-")[0])):
        runs = _runs(folder, name)
        for number in sorted(runs, reverse=True):
            found = _names_in(runs[number] / "config.yaml")
            if found == (task, model) or (found is None and (folder, name) == (task, model)):
                return runs[number]
    return None


def names_of(config: Mapping[str, Any]) -> tuple[str, str]:
    """Names of the task and of the model of a config, as plain data: what tells runs apart on sight.

    Both are made of words joined by `-`: the data, which of their tasks, a resolution other than 32, and whether it is
    pretraining; the kind of wavelet, or the space if that is another one, and the attention if it is not softmax.
    """
    data, encoder = config["data"]["init_args"], config["model"]["init_args"]["encoder"]
    size = data.get("resolution", 32)
    pretraining = config["model"]["class_path"].endswith("MaskedPretraining")
    attention = encoder["attention"]["kind"]
    task = [config["data"]["class_path"], data.get("task"), size != 32 and size, pretraining and "pretraining"]
    model = [encoder["wavelet"]["kind"] if encoder["space"] == "wavelet" else encoder["space"]]
    model += [attention != "softmax" and attention]
    names = ("-".join(str(word).split(".")[-1].lower() for word in words if word) for words in (task, model))
    return next(names), next(names)


def _names_in(file: Path) -> tuple[str, str] | None:
    """`names_of` a run's config.yaml; None if the file is not there or cannot be read."""
    import yaml

    try:
        return names_of(yaml.safe_load(file.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None


def _runs(task: str, model: str) -> dict[int, Path]:
    """The directories that `new_run` gave out and that are still there, by their number."""
    matches = {path: re.fullmatch(rf"{re.escape(model)}(?:-(\d+))?", path.name) for path in (RUNS / task).glob("*")}
    return {int(match[1] or 1): path for path, match in matches.items() if match}


def write_results(run: str | Path, stage: str, results: dict[str, Any]) -> Path:
    """Merges `{stage: results}` into the run's results.json, atomically, and returns its path.

    A file that cannot be read is kept as `results.json.unreadable`, because it may hold what somebody wants to save.
    """
    path = Path(run) / "results.json"
    make_folder(path.parent)
    with _one_at_a_time(path.parent):
        known = read_results(run) if path.exists() else {}
        if path.exists() and not known:
            path.replace(f"{path}.unreadable")
        with replacing(path) as file:
            file.write(json.dumps({**known, stage: results}, indent=2) + "\n")
    return path


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Lets one process after the other change files of a folder; all at once where there are no locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # which also gives the lock back


def read_results(run: str | Path) -> dict[str, Any]:
    """Reads a run's results.json.

    A file that broke off, or holds something else, is reported and counts as empty, because one run must not keep the
    others from being read. FileNotFoundError if the run was neither trained nor tested.
    """
    path = Path(run) / "results.json"
    try:
        results = json.loads(path.read_text())
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        results = str(error)
    if not isinstance(results, dict) or not all(isinstance(stage, dict) for stage in results.values()):
        why = results if isinstance(results, str) else "it does not hold results"
        warnings.warn(f"{path} cannot be read, and is left out: {why}", stacklevel=2)
        return {}
    return results


def read_tested(run: str | Path) -> dict[str, Any]:
    """Reads the results.json of a tested run; ValueError, with the command that tests it, for another."""
    path = Path(run)
    results = read_results(path) if (path / "results.json").is_file() else {}
    if "test" not in results:
        raise ValueError(f"{path} has no test results; run: {tests_with(path)}")
    return results


def headline(results: Mapping[str, Any], split: str) -> str:
    """What an evaluation reached, in words, such as `accuracy 93.1 %`; empty if its results do not say."""
    for key, said in (("acc", "accuracy {:.1%}"), ("r2", "R² {:.3f}")):
        if (value := results.get(f"{split}/{key}")) is not None:
            return said.format(value).replace("%", " %")
    return ""
