"""What the tasks of the Long Range Arena share: how data are split, packed, padded and changed."""

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy

from datamodules.base import Split
from datamodules.cache import Arrays, cached, entry_of
from datamodules.errors import DataError
from datamodules.inputs import Record, read_records
from datamodules.loader import BatchDataset, ResumableLoader
from datamodules.lra.origin import OriginDataModule, Source
from datamodules.names import SPLITS, Padding
from datamodules.packed import Part

Protocol = Literal["holdout", "lra"]


def text_of(record: Record, column: str = "text") -> bytes:
    """The bytes of a text of a user's example."""
    text = record.get(column)
    if not isinstance(text, str) or not text:
        raise DataError(f"it has no {column}; this task reads texts")
    return text.encode()


class ArenaDataModule(OriginDataModule):
    """A task of the Long Range Arena (arXiv 2011.04006).

    Args:
        root: Folder of the source data, in any known layout, and of the caches and downloads.
        source: files: read them below root, or unpack the archive that lies there. download: get it first. generate:
            make the examples here, with the task's own generator if it has one, otherwise a synthetic stand-in for
            trying things out. auto: files if they are there, else the task's own generator, else download.
        protocol: holdout: a validation split that is never tested on. lra: the split of the literature, and no
            augmentation.
        augment: Change training examples in ways that keep their labels.
        padding: batch: pad to the longest sequence of the batch. bucket: put sequences of similar length together, and
            pad to one of at most twelve lengths, which are chosen so that there is least padding. max: pad to
            `max_length`.
        mirrors: Addresses of the archive that are tried before the original one.
        batch_size: Training examples per batch and rank.
        eval_batch_size: Evaluation examples per batch and rank. If None, batch_size.
        num_workers: Processes that build batches. If 0, the training process does.
        seed: Seed of what is generated, of the holdout, and of the order.
    """

    def __init__(
        self,
        root: str = "data",
        source: Source = "auto",
        protocol: Protocol = "holdout",
        augment: bool = False,
        padding: Padding = "batch",
        mirrors: Sequence[str] = (),
        *,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            root,
            source,
            mirrors,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            num_workers=num_workers,
            seed=seed,
        )
        choices = (
            ("source", source, ("auto", "files", "generate", "download")),
            ("protocol", protocol, ("holdout", "lra")),
            ("padding", padding, get_args(Padding)),
        )
        for name, value, known in choices:
            if value not in known:
                raise ValueError(f"data.{name} must be one of {', '.join(known)}, got {value!r}")
        if augment and protocol == "lra":
            raise ValueError("data.augment=true is outside data.protocol=lra; use data.protocol=holdout")
        self.protocol, self.augment, self.padding = protocol, augment, padding
        self.bucketed = padding == "bucket"

    @property
    def task_name(self) -> str:
        """The task's name in folders and messages."""
        return type(self).__name__.lower()

    @property
    def cache(self) -> Path:
        """Folder of the packed examples."""
        return self.root / "cache" / self.task_name

    @abstractmethod
    def read(self, part: str, files: Path, folder: Path) -> Arrays:
        """Packs a part from its files; see `cached` for the folder. Raises DataError naming file and row."""

    @abstractmethod
    def generate(self, part: str, folder: Path) -> Arrays:
        """Packs a part of generated data."""

    @abstractmethod
    def generated_key(self, part: str) -> dict[str, Any]:
        """All that a generated part depends on, as plain data."""

    @abstractmethod
    def part(self, split: Split, *, generated: bool) -> tuple[str, numpy.ndarray | None]:
        """The part in which a split lies, and the indices of its examples there, or None if the split is all of it."""

    @abstractmethod
    def open(self, arrays: dict[str, numpy.ndarray], *, training: bool) -> BatchDataset:
        """A dataset over the arrays of a part."""

    @abstractmethod
    def encode(self, record: Record) -> list[numpy.ndarray]:
        """What the arrays hold of a user's example: token sequences, or an image. Raises DataError."""

    def pack_inputs(self, examples: list[list[numpy.ndarray]]) -> dict[str, numpy.ndarray]:
        """Packs encoded examples as `read` packs a part, with labels that mean nothing."""
        sequences = [sequence for example in examples for sequence in example]
        return {
            "tokens": numpy.concatenate(sequences),
            "offsets": numpy.cumsum([0, *(len(sequence) for sequence in sequences)]),
            "labels": numpy.zeros(len(examples), numpy.uint8),
        }

    def read_inputs(self, path: str | Path) -> None:
        """See `SequenceDataModule.read_inputs`."""
        examples, names = [], []
        for record in read_records(path):
            try:
                examples.append(self.encode(record))
            except DataError as error:
                raise DataError(f"--inputs {path}, {record['where']}: {error}") from error
            names.append(record["name"])
        self._inputs, self.input_names = self.open(self.pack_inputs(examples), training=False), names

    def predict_dataloader(self) -> ResumableLoader:
        """See `SequenceDataModule.predict_dataloader`."""
        if self.input_names is None:
            return super().predict_dataloader()
        return ResumableLoader(self._inputs, batch_size=self.eval_batch_size, training=False)

    def prepare_data(self) -> None:
        """Reads, generates or downloads all splits into the cache, once; does nothing after `read_inputs`."""
        if self.input_names is not None:
            return
        for split in SPLITS:
            self.build_dataset(split)

    def build_dataset(self, split: Split) -> BatchDataset:
        """See `SequenceDataModule.build_dataset`."""
        files = self.files()
        part, chosen = self.part(split, generated=files is None)
        dataset = self.open(self.arrays(part, files), training=split == "train")
        if chosen is None:
            return dataset
        if not len(chosen):
            raise DataError(
                f"{len(dataset)} examples are too few to hold any out for {split}; give more"
                + (", or data.protocol=lra" if self.protocol == "holdout" else "")
            )
        return Part(dataset, chosen)

    def arrays(self, part: str, files: dict[str, Path] | None) -> dict[str, numpy.ndarray]:
        """The packed arrays of a part, built if need be."""
        key = self.key(part, files)
        if files is not None:
            return cached(self.cache, key, lambda folder: self.read(part, files[part], folder))
        if not self.own_generator:
            text = f"{type(self).__name__}: a synthetic stand-in for trying things out, not the benchmark's data"
            warnings.warn(text, stacklevel=2)
        return cached(self.cache, key, lambda folder: self.generate(part, folder))

    def key(self, part: str, files: dict[str, Path] | None) -> dict[str, Any]:
        """All that the arrays of a part depend on, as plain data."""
        if files is None:
            return self.generated_key(part)
        key = {"source": f"{self.task_name} files", "version": 5, "part": part}
        return key | {"fingerprint": self.fingerprint(part, files[part])} | self.read_key()

    def generator(self) -> dict[str, Any]:
        """See `OriginDataModule.generator`."""
        return self.generated_key("test")

    def is_cached(self, files: dict[str, Path] | None) -> bool:
        """Whether the cache holds the examples with these settings."""
        parts = files or (self.part("test", generated=True)[0],)
        return all(entry_of(self.cache, self.key(part, files)).is_dir() for part in parts)

    def read_key(self) -> dict[str, Any]:
        """The settings that `read` depends on, as plain data."""
        return {}
