"""`wavspa sweep FILE`: many trainings from one small file, listed for a queue or run here.

A file has groups; the trainings of a group are all combinations of its configs, models, settings and seeds:

    folder: runs/study
    flags: --trainer.enable_progress_bar false            # of every training
    evaluate: test                                        # what follows a training: test, or validate for a search
    checkpoint: best                                      # of which checkpoint: best, or last
    groups:
      - configs: {listops: configs/listops.yaml}          # name: a file, or a file and flags: "FILE --flag value"
        models: {ada: configs/model/ada.yaml, transformer: configs/model/transformer.yaml}
        settings: {low: --model.optimizer.lr 3e-4}        # name: flags; may be left out
        seeds: [0, 1]

Every training has a run directory of its own, FOLDER/CONFIG-MODEL[-SETTING]-seedN.
"""

import argparse
import itertools
import os
import queue
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from wavspa_lit.files import make_folder
from wavspa_lit.packaged import find_config
from wavspa_lit.reporting.runs import headline, read_results

CHOICES = {"evaluate": ("test", "validate"), "checkpoint": ("best", "last")}
KEYS = {"configs", "models", "settings", "seeds", "flags"}
OURS = {
    "--seed_everything": "give seeds: [5] in the group",
    "--data.seed": "give seeds: [5] in the group",
    "--run": "give folder, below which each has its own",
    "--resume": "leave it out, they are resumed where they have stopped",
}
"""Flags that a sweep gives, and what to write instead of them."""


class Training(NamedTuple):
    """One training of a sweep.

    Attributes:
        run: Its run directory.
        arguments: What `wavspa fit` gets, the run directory excluded.
        evaluate: What is done with its checkpoint, test or validate.
        checkpoint: Which, best or last.
    """

    run: Path
    arguments: list[str]
    evaluate: str = "test"
    checkpoint: str = "best"

    @property
    def state(self) -> str:
        """`done`, `begun` or `new`."""
        if (self.run / "results.json").is_file() and self.evaluate in read_results(self.run):
            return "done"
        return "begun" if (self.run / "checkpoints" / "last.ckpt").is_file() else "new"

    @property
    def commands(self) -> list[list[str]]:
        """The training, resumed if it has begun, and the evaluation of its checkpoint."""
        resume = ["--resume"] if self.state == "begun" else []
        fit = ["wavspa", "fit", *self.arguments, "--run", str(self.run), *resume]
        checkpoint = self.run / "checkpoints" / f"{self.checkpoint}.ckpt"
        return [fit, ["wavspa", self.evaluate, "--ckpt_path", str(checkpoint)]]


def expand(plan: Mapping[str, Any]) -> list[Training]:
    """The trainings of a plan.

    Raises:
        ValueError: For what a plan cannot hold; names it.
    """
    known = ("folder", "flags", "evaluate", "checkpoint", "groups")
    if not isinstance(plan, Mapping):
        raise ValueError(f"a sweep is a mapping; give {', '.join(known)}")
    groups = plan.get("groups") or []
    if not isinstance(groups, list) or not all(isinstance(group, Mapping) for group in groups):
        raise ValueError(f"groups {groups!r}: give a list of mappings, such as - configs: {{name: file}}")
    if unknown := {str(key) for key in plan} - set(known):
        raise ValueError(f"{sorted(unknown)[0]!r} is not part of a sweep; known: {', '.join(known)}")
    if not isinstance(plan.get("folder", "runs"), str | int) or plan.get("folder") == "":
        raise ValueError(f"folder {plan['folder']!r}: give a folder, such as runs/study")
    for key, (usual, other) in CHOICES.items():
        if (given := plan.get(key, usual)) not in (usual, other):
            raise ValueError(f"{key} {given!r}: give {usual} or {other}")
    trainings = [training for group in groups for training in _group(plan, group)]
    runs = [training.run for training in trainings]
    if not runs:
        raise ValueError("no trainings: give groups with configs and models")
    if twice := next((run for run in runs if runs.count(run) > 1), None):
        raise ValueError(f"{twice} occurs twice; give the settings names of their own")
    return trainings


def _named(trainings: list[Training], pattern: str | None) -> list[Training]:
    chosen = [training for training in trainings if pattern is None or fnmatch(training.run.name, pattern)]
    if not chosen:
        raise ValueError(f"--only {pattern!r} fits no run; they have names such as {trainings[0].run.name}, see --list")
    return chosen


def _group(plan: Mapping[str, Any], group: Mapping[str, Any]) -> Iterator[Training]:
    if unknown := {str(key) for key in group} - KEYS:
        raise ValueError(f"{sorted(unknown)[0]!r} is not part of a group; known: {', '.join(sorted(KEYS))}")
    axes = {key: group.get(key) or {"": ""} for key in ("configs", "models", "settings")}
    for key, axis in axes.items():
        if not isinstance(axis, Mapping):
            raise ValueError(f"{key} {axis!r}: give a name and a text for each, such as {{name: text}}")
    seeds = group.get("seeds", [0])
    if not isinstance(seeds, list) or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"seeds {seeds!r}: give a list of numbers, such as [0, 1, 2]")
    for name, flags in (("flags", plan.get("flags")), ("flags", group.get("flags")), *axes["settings"].items()):
        if not isinstance(flags or "", str):
            raise ValueError(f"{name} {flags!r}: give flags as one text, such as --trainer.max_steps 100")
    combinations = itertools.product(*(axis.items() for axis in axes.values()), seeds)
    for (config, file), (model, overlay), (setting, flags), seed in combinations:
        if not file:
            raise ValueError("a group needs configs: a name and a file for each")
        names = [str(name) for name in (config, model, setting) if name != ""]
        words = [shlex.split(str(text)) for text in (file, overlay)]
        arguments = [word for first in words if first for word in ("-c", first[0])]
        arguments += [word for first in words for word in first[1:]]
        for text in (plan.get("flags"), group.get("flags"), flags):
            arguments += shlex.split(text or "")
        for flag, instead in OURS.items():
            if any(word.partition("=")[0] == flag for word in arguments):
                raise ValueError(f"{flag} is set for each training; {instead}")
        arguments += ["--seed_everything", str(seed), "--data.seed", str(seed)]
        run = Path(str(plan.get("folder", "runs"))) / "-".join([*names, f"seed{seed}"])
        yield Training(run, arguments, *(plan.get(key, usual) for key, (usual, _) in CHOICES.items()))


class _Unique(yaml.SafeLoader):
    """YAML whose mappings name nothing twice, because the second one would take the place of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"line {node.start_mark.line + 1}: {twice!r} stands twice; give the second another name")
        return super().construct_mapping(node, deep)


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text}")
    return int(text)


def run(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status: 0, 1 if a training failed, 2 for a wrong file."""
    parser = argparse.ArgumentParser(prog="wavspa sweep", description="Many trainings from one file.")
    parser.add_argument("file", help="a file, or a name of `wavspa list sweeps`; see the head of wavspa_lit/sweep.py")
    parser.add_argument("--list", action="store_true", help="print the commands, a training on each line, and end")
    parser.add_argument("--only", metavar="PATTERN", help="trainings whose run is named so: --only 'text-*-seed0'")
    parser.add_argument(
        "--jobs", type=_at_least_one, default=1, help="trainings at a time, on each GPU if there are several"
    )
    options = parser.parse_args(arguments)
    try:
        file = find_config(options.file, sweeps=True)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    try:
        trainings = _named(expand(yaml.load(file.read_text(), _Unique) or {}), options.only)
        for training in trainings:  # a misspelt name is said now, and not by each training
            for before, config in itertools.pairwise(training.arguments):
                find_config(config) if before in ("-c", "--config") else None
    except (OSError, ValueError, yaml.YAMLError) as error:
        sys.stderr.write(f"error: {options.file}: {' '.join(str(error).split())}\n")
        return 2
    if options.list:
        for training in trainings:
            print(" && ".join(shlex.join(command) for command in training.commands))
        return 0
    return 0 if _run_all(trainings, options.jobs) else 1


def _run_all(trainings: Sequence[Training], jobs: int) -> bool:
    """Runs what is not done yet, some at a time, and prints a line for each; returns whether all went well."""
    places: queue.Queue[str | None] = queue.Queue()
    for place in _gpus() * jobs:
        places.put(place)

    def one(training: Training) -> bool:
        if training.state == "done":
            print(f"{training.run}: done before, left as it is", flush=True)
            return True
        place = places.get()
        print(f"{training.run}: {training.state}" + (f", on GPU {place}" if place is not None else ""), flush=True)
        try:
            return _run_one(training, place)
        finally:
            places.put(place)

    with ThreadPoolExecutor(places.qsize()) as pool:
        return all(list(pool.map(one, trainings)))


def _run_one(training: Training, gpu: str | None) -> bool:
    environment = {**os.environ, "WAVSPA_SWEEP": str(os.getpid())}
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    log = training.run.with_name(f"{training.run.name}.log")
    make_folder(log.parent)
    with log.open("a") as stream:
        for command in training.commands:
            program = [sys.executable, "-m", "wavspa_lit", *command[1:]]
            if subprocess.run(program, stdout=stream, stderr=subprocess.STDOUT, env=environment).returncode:
                lines = log.read_text(errors="replace").strip().splitlines()
                last = [line for line in lines if not line.startswith("See `wavspa")][-1:]  # not the hint behind it
                print(f"{training.run}: failed, see {log}: {' '.join(last)}", flush=True)
                return False
    results = read_results(training.run)[training.evaluate]
    reached = headline(results, "test") or headline(results, "val")
    print(f"{training.run}: done" + (f", {reached}" if reached else ""), flush=True)
    return True


def _gpus() -> list[str | None]:
    """The GPUs that this process may use, by number; a None where there are none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return list(visible.split(",")) if visible else [None]
    try:
        found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return [None]
    return [str(number) for number in range(found.count("GPU "))] or [None]
