"""`wavspa data prepare|verify|info|write TASK`: gets data ready, checks them, says what is there, draws Pathfinder."""

import difflib
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import jsonargparse
import numpy

from datamodules import lra
from datamodules.base import SequenceDataModule
from datamodules.errors import DataError, MissingData
from datamodules.files import Files
from datamodules.files import commands as of_files
from datamodules.loader import IGNORED, BatchDataset
from datamodules.lra.base import SPLITS, ArenaDataModule
from datamodules.sources import pathfinder_release

TASKS: dict[str, tuple[type[SequenceDataModule], dict[str, int]]] = {
    "listops": (lra.ListOps, {}),
    "text": (lra.Text, {}),
    "retrieval": (lra.Retrieval, {}),
    "image": (lra.Image, {}),
    "pathfinder": (lra.Pathfinder, {}),
    "path_x": (lra.Pathfinder, {"resolution": 128}),
    "path_256": (lra.Pathfinder, {"resolution": 256}),
    "files": (Files, {}),
}
SIZES = ("dim", "layers", "mlp_dim")
"""Options of `info files` that are not the data module's: the model that memory is estimated for."""
COMMANDS = {
    "prepare": "read, generate or download the data into the cache",
    "verify": "read every example of every split and check it",
    "info": "say where the data are, or what is missing and how to get it",
    "write": "draw Pathfinder images in the release's format: folders of PNG files",
}


class _Parser(jsonargparse.ArgumentParser):
    """Says in a line what is wrong, with the nearest flag or value."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        line, near = " ".join(message.split()), []
        if match := re.search(r"unrecognized arguments: (--[\w.]+)", line):
            near = difflib.get_close_matches(match[1], self._option_string_actions, n=1)
        elif match := re.search(r'Parser key "([\w.]+)": Expected an? (.*)\. Got value: (.*)$', line):
            known = re.findall(r"'([^']+)'", match[2])
            if match[2].startswith("<class"):
                said = {"int": "a whole number", "float": "a number", "bool": "true or false"}
                line = f"--{match[1]} {match[3]!r}: expected {said.get(known[0], known[0])}"
            else:
                near = difflib.get_close_matches(match[3], known, n=1)
                line = f"--{match[1]} {match[3]!r}: no such choice. Known: {', '.join(known)}"
        elif match := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", line):
            near = difflib.get_close_matches(match[1], re.findall(r"[\w-]+", match[2]), n=1)
        sys.stderr.write(f"error: {line}{f'; did you mean {near[0]}?' if near else ''}\n")
        sys.exit(2)


def run(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit status: 0, 1 if the data are missing or wrong, 2 for a wrong command.

    Flags may be written as `wavspa fit` takes them: `--data.root` means `--root`.
    """
    parser = _Parser(prog="wavspa data", description="The data of the Long Range Arena, and files of your own.")
    commands = parser.add_subcommands()
    for command, text in COMMANDS.items():
        tasks = _Parser(description=text)
        commands.add_subcommand(command, tasks, help=text)
        names = tasks.add_subcommands(dest="task")
        for task, (kind, defaults) in TASKS.items():
            if command == "write" and kind is not lra.Pathfinder:
                continue
            options = _Parser()
            options.add_class_arguments(kind)
            options.set_defaults(defaults)
            if kind is Files and command == "info":
                options.add_function_arguments(of_files.info, skip={"data"})
            names.add_subcommand(task, options, help=_summary(kind, defaults))
    config = parser.parse_args([re.sub(r"^--data\.", "--", argument) for argument in arguments])
    command = config.subcommand
    task = config[command].task
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: sys.stderr.write(f"warning: {message}\n")  # type: ignore[assignment]
        try:
            given = config[command][task].as_dict()
            sizes = {name: given.pop(name) for name in SIZES if name in given}
            data = TASKS[task][0](**given)
            if isinstance(data, Files):
                return of_files.verify(data) if command == "verify" else of_files.info(data, **sizes)
            assert isinstance(data, ArenaDataModule)
            return {"prepare": prepare, "verify": verify, "info": info, "write": write}[command](task, data)
        except ValueError as error:
            flags = "|".join(config[command][task].as_dict())
            text = re.sub(rf"\bdata\.({flags})\b", r"--\1", str(error))  # what they are called here
            sys.stderr.write(f"error: {text}\n")
            return 1 if isinstance(error, DataError) else 2


def _summary(kind: type[SequenceDataModule], defaults: dict[str, int]) -> str:
    text = (kind.__doc__ or "").split("\n")[0].rstrip(".")
    return f"{text} ({', '.join(f'{name} {value}' for name, value in defaults.items())})" if defaults else text


def prepare(task: str, data: ArenaDataModule) -> int:
    """Builds the cache and says what is in it."""
    data.prepare_data()
    return info(task, data)


def write(task: str, data: ArenaDataModule) -> int:
    """Draws images below root, where the data module finds them; goes on where an earlier run was interrupted."""
    assert isinstance(data, lra.Pathfinder)
    folder = data.root / data.layouts[0]
    pathfinder_release.write(data.settings, folder, data.num_images, os.cpu_count() or 1)
    print(f"{folder}: {data.num_images} images, generated")
    return 0


def info(task: str, data: ArenaDataModule) -> int:
    """Prints where the data come from and what the splits hold."""
    files = None if data.source == "generate" else data.locate()
    archive = data.local_archive()
    if data.source == "generate":
        print(f"{task}: generated" + ("" if data.own_generator else ", a synthetic stand-in"))
    elif files is None and archive:
        print(f"{task}: {archive}, not unpacked; `wavspa data prepare {task}` does it")
        return 0
    elif files is None and not (data.source == "auto" and data.own_generator):
        raise MissingData(f"{data.missing()}. {data.ways_out()}")
    else:
        print(f"{task}: {_where(files)}")
    print(f"vocabulary {data.vocab_size}, classes {data.num_classes}, at most {data.max_length} tokens")
    size = sum(file.stat().st_size for file in data.cache.rglob("*") if file.is_file())
    ready = data.is_cached(files)
    print(
        f"cache {data.cache}: {size / 2**20:.1f} MiB"
        + ("" if ready else f"; `wavspa data prepare {task}` adds the examples with these settings")
    )
    if ready:
        for split in SPLITS:
            print(f"{split:>5}: {describe(data.dataset(split))}")
        if padding := padding_of(data):
            print(padding)
    return 0


def padding_of(data: ArenaDataModule) -> str:
    """How long training batches are, and how much of them is padding; empty where all examples are equally long."""
    sampler, allowed = data.train_dataloader().sampler, data.batch_lengths
    if sampler.lengths is None:
        return ""
    text = "as long as their longest sequence" if allowed is None else f"{', '.join(map(str, allowed))} tokens long"
    return f"training batches of {data.batch_size} are {text}; {sampler.padded_share():.1%} of their tokens are padding"


def _where(files: dict[str, Path] | None) -> str:
    if files is None:
        return "no files, so it is generated"
    text = "files " + ", ".join(dict.fromkeys(str(file) for file in files.values()))
    return text + " (generated)" * any((file / pathfinder_release.MARK).is_file() for file in files.values())


def describe(dataset: BatchDataset) -> str:
    """Number of examples, and their mean and largest length."""
    text = f"{len(dataset)} examples"
    lengths = dataset.example_lengths()
    return text if lengths is None else f"{text}, mean length {lengths.mean():.1f}, longest {lengths.max()}"


def verify(task: str, data: ArenaDataModule) -> int:
    """Reads every example; prints a line per split, and the first fault."""
    for split in SPLITS:
        dataset = data.dataset(split)
        classes = numpy.zeros(data.num_classes, dtype=numpy.int64)
        for start in range(0, len(dataset), 256):
            indices = numpy.arange(start, min(start + 256, len(dataset)))
            batch = dataset.batch(indices)
            labels, tokens = batch["labels"].numpy(), batch["tokens"]
            if fault := _fault(data, labels, tokens.min().item(), tokens.max().item(), tokens.shape[-1]):
                raise DataError(f"{task}, {split}, examples {start} to {indices[-1]}: {fault}")
            classes += numpy.bincount(labels, minlength=data.num_classes)
        print(f"{split:>5}: {describe(dataset)}; per class {' '.join(map(str, classes))}")
    print(f"{task}: all examples are sound")
    return 0


def _fault(data: ArenaDataModule, labels: numpy.ndarray, lowest: float, highest: float, length: int) -> str:
    if labels.min() < 0 or labels.max() >= data.num_classes or (labels == IGNORED).any():
        return f"labels from {labels.min()} to {labels.max()}, {data.num_classes} classes"
    if data.vocab_size and not 0 <= lowest <= highest < data.vocab_size:
        return f"tokens from {lowest} to {highest}, a vocabulary of {data.vocab_size}"
    if length > data.max_length:
        return f"{length} tokens, at most {data.max_length} are allowed"
    return ""
