"""What a run directory says about a run, and which runs differ by their seed alone."""

import datetime
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wavspa_lit.reporting.runs import config_of, names_of, read_results
from wavspa_lit.reporting.settings import LEFT_OUT, Value, flatten

SEEDS = ("seed_everything", "data.seed")


@dataclass
class Run:
    """A run.

    Attributes:
        path: Its directory.
        config: What its config.yaml holds; empty if there is none.
        results: What its results.json holds, by stage.
    """

    path: Path
    config: dict[str, Any]
    results: dict[str, Any]

    @property
    def names(self) -> tuple[str, str]:
        """Names of the task and the model; empty if the config does not tell."""
        try:
            return names_of(self.config)
        except (KeyError, TypeError, AttributeError):
            return "", ""

    @property
    def settings(self) -> dict[str, Value]:
        """All settings but seeds and those that do not matter for results, flat."""
        flat = {name: value for name, value in flatten(self.config).items() if not name.startswith(LEFT_OUT)}
        return {name: value for name, value in flat.items() if name not in SEEDS}

    @property
    def test(self) -> dict[str, Any]:
        """The results of the test; empty if there was none."""
        return self.results.get("test", {})

    @property
    def notes(self) -> str:
        """What a reader of the test's numbers has to know; empty if nothing."""
        notes = []
        if "limit_test_batches" in self.test:
            notes.append(f"part of the test data: limit_test_batches {self.test['limit_test_batches']}")
        if "changed" in self.test:
            notes.append(f"tested with other settings: {self.test['changed']}")
        if self._is_old():
            notes.append("the checkpoint is newer than its test")
        return "; ".join(notes)

    def _is_old(self) -> bool:
        """Whether the tested checkpoint has been replaced by one of another step since."""
        file = self.path / self.test.get("checkpoint", "")
        if "step" not in self.test or not file.is_file():
            return False
        written = datetime.datetime.fromtimestamp(file.stat().st_mtime).isoformat(" ", "seconds")
        if written <= self.test["date"]:
            return False
        import torch

        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        return loaded.get("global_step") != self.test["step"]


def read_run(path: str | Path) -> Run:
    """Reads a run directory. A file that is missing or cannot be read counts as empty; the latter is warned of."""
    import yaml

    folder = Path(path)
    results = read_results(folder) if (folder / "results.json").is_file() else {}
    tested = results.get("test", {}).get("checkpoint")
    files = [folder / "config.yaml", *([config_of(tested)] if tested and Path(tested).is_absolute() else [])]
    config: Any = {}
    for file in filter(Path.is_file, files):
        try:
            config = yaml.safe_load(file.read_text())
        except (OSError, ValueError, yaml.YAMLError) as error:
            why = " ".join(str(error).split())
            warnings.warn(f"{file} cannot be read, and is left out: {why}", stacklevel=2)
        break
    return Run(folder, config if isinstance(config, dict) else {}, results)


def find_runs(paths: Iterable[str | Path]) -> list[Path]:
    """The run directories that are named or lie below folders that are named.

    Raises:
        ValueError: If a path holds no run; names it.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        kept = ("results.json", "config.yaml")
        below = [path] if any((path / name).is_file() for name in kept) else []
        below = below or sorted({file.parent for name in kept for file in path.rglob(name)})
        if not below:
            raise ValueError(f"{path} holds no run: a run directory has a config.yaml or a results.json")
        found += [folder for folder in below if folder not in found]
    return found


def groups_of(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by what they are, those that differ by their seed alone together, in the order of their first ones.

    The names tell groups apart: task and model, and if these are the same the settings that differ, or
    the directory if those are many.
    """
    groups: list[list[Run]] = []
    for run in runs:
        same = [
            group
            for group in groups
            if run.config and group[0].config and not differences([group[0].settings, run.settings])
        ]
        same[0].append(run) if same else groups.append([run])
    named: dict[str, list[Run]] = {}
    tasks = {group[0].names[0] for group in groups}
    for group in groups:
        task, model = group[0].names
        name = (model if len(tasks) == 1 else f"{task} {model}") or group[0].path.name
        alike = [other[0] for other in groups if other[0].names == group[0].names]
        differing = differences([run.settings for run in alike]) if group[0].config else {}
        own = [f"{key.rsplit('.', 1)[-1]} {group[0].settings.get(key)}" for key in differing]
        if own:  # many settings would make a long name
            name += ", " + (", ".join(own) if len(own) < 3 else re.sub(r"-seed\d+$", "", group[0].path.name))
        while name in named:
            name += f" ({group[0].path})"
        named[name] = group
    return named


def differences(settings: Sequence[Mapping[str, Value]]) -> dict[str, list[Value]]:
    """The settings that are not the same everywhere, each with its values in the order of what was given.

    A setting that is missing somewhere, as those that came later are in older configs, does not differ by that alone.
    """
    names = dict.fromkeys(name for each in settings for name in each)
    values = {name: [each[name] for each in settings if name in each] for name in names}
    differing = [name for name, known in values.items() if any(value != known[0] for value in known)]
    return {name: [each.get(name) for each in settings] for name in differing}
