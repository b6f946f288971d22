"""`wavspa data prepare|verify|info|write TASK`: the data of the Long Range Arena."""

import os
from pathlib import Path

import numpy

from datamodules.errors import DataError, MissingData
from datamodules.loader import IGNORED, BatchDataset
from datamodules.lra.base import ArenaDataModule
from datamodules.lra.pathfinder import Pathfinder
from datamodules.names import SPLITS
from datamodules.sources import pathfinder_release


def prepare(task: str, data: ArenaDataModule) -> int:
    """Builds the cache and says what is in it."""
    data.prepare_data()
    return info(task, data)


def write(task: str, data: ArenaDataModule) -> int:
    """Draws images below root, where the data module finds them; goes on where an earlier run was interrupted."""
    assert isinstance(data, Pathfinder)
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
