"""What every data module shares: sizes known at once, batches as plain dicts, loaders that resume exactly.

Lightning is not imported here, because `wavspa data` only reads: without it a command takes half the memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy
from torch import Tensor

from datamodules.buckets import choose_lengths
from datamodules.errors import DataError, at_least_one
from datamodules.loader import BatchDataset, ResumableLoader
from datamodules.names import SPLITS, Padding, Split, Target


@dataclass(frozen=True)
class Facts:
    """What a model needs to know of its data; `SequenceData.facts` are known before any data are read.

    Attributes:
        vocab_size: Number of token ids, the padding id included; 0 if the inputs are numbers.
        num_classes: Number of classes of a label; with target `regression`, the number of its values.
        max_length: Longest sequence, in tokens.
        trained_length: Longest training sequence, in tokens.
        group_name: What answers are reported by, such as `length`; empty if there are no groups.
        group_values: The value of each group.
        trained_groups: Indices of the groups that are trained on.
        target: What `labels` are. class: (batch,) int64, one class per sequence; multilabel: (batch, num_classes)
            float32, 1 for each class that holds; regression: (batch, num_classes) float32; token: (batch, length)
            int64, one class per position.
        channels: Numbers per position, where inputs are `features` (batch, length, channels) float32 instead of
            tokens; None if they are not.
        paired: Whether an example is a pair of sequences, so that `tokens` is (batch, 2, length).
    """

    vocab_size: int
    num_classes: int
    max_length: int
    trained_length: int
    group_name: str = ""
    group_values: tuple[int, ...] = ()
    trained_groups: tuple[int, ...] = ()
    target: Target = "class"
    channels: int | None = None
    paired: bool = False


class SequenceData(ABC):
    """Batches of padded sequences.

    A batch is a dict of tensors: `tokens` (batch, length) int64; `mask` (batch, length) bool, True for tokens and False
    for the padding after them, absent when there is no padding; and `labels`, (batch,) int64 for one label per
    sequence, (batch, length) for one per position. Images as scalars have `tokens` (batch, length) float32 and a
    vocab_size of 0; series of several numbers per position have `features` (batch, length, channels) float32 in place
    of `tokens`; pairs have `tokens` and `mask` (batch, 2, length). `facts.target` says what labels are. An integer
    label of -100 is not scored, nor is a float label of NaN. All labels of an example are that where an evaluation
    batch had to be filled up, because all ranks need the same number of batches and each example must count once.

    Checkpoints hold what the data were, and are not tested or continued with other data unless `other_data` is True.

    Args:
        batch_size: Training examples per batch and rank.
        eval_batch_size: Evaluation examples per batch and rank. If None, batch_size.
        num_workers: Processes that build batches. If 0, the training process does.
        seed: Seed of the data and of its order.
    """

    def __init__(
        self, *, batch_size: int = 32, eval_batch_size: int | None = None, num_workers: int = 0, seed: int = 0
    ) -> None:
        super().__init__()
        at_least_one(batch_size=batch_size, eval_batch_size=eval_batch_size)
        for name, value in (("num_workers", num_workers), ("seed", seed)):
            if value < 0:
                raise ValueError(f"data.{name} must not be negative, got {value}")
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size or batch_size
        self.num_workers, self.seed = num_workers, seed
        self.bucketed = False
        self.padding: Padding = "batch"
        self._batch_lengths: tuple[int, ...] | None = None
        self.input_names: list[str] | None = None
        self.other_data = False
        self._identity: dict[str, Any] | None = None
        self._datasets: dict[str, BatchDataset] = {}

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """Number of token ids, the padding id included; 0 if the inputs are scalars."""

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """Number of classes of a label."""

    @property
    @abstractmethod
    def max_length(self) -> int:
        """Longest sequence, in tokens."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the classes are called, in the order of their numbers; empty if they have no names."""
        return ()

    @property
    def target(self) -> Target:
        """What `labels` are; see `Facts`."""
        return "class"

    @property
    def channels(self) -> int | None:
        """Numbers per position of `features`; None if inputs are tokens or scalars."""
        return None

    @property
    def paired(self) -> bool:
        """Whether an example is a pair of sequences."""
        return False

    @property
    def trained_length(self) -> int:
        """Longest training sequence, in tokens; shorter than `max_length` where longer sequences are tested."""
        return self.max_length

    @property
    def facts(self) -> Facts:
        """What a model needs to know: `Task.for_data(data.facts, ...)` builds a task from it."""
        known = [field.name for field in fields(Facts) if hasattr(self, field.name)]
        return Facts(**{name: getattr(self, name) for name in known})

    @property
    def few_lengths(self) -> bool:
        """Whether `batch_lengths` is not None; known at once."""
        return self.padding != "batch"

    @property
    def batch_lengths(self) -> tuple[int, ...] | None:
        """The lengths that batches may have, at most a dozen; None if any length may occur. May open the data.

        With `padding: bucket` they are chosen from the lengths of all splits.
        """
        if self.padding == "max":
            return (self.max_length,)
        if self.padding == "bucket" and self._batch_lengths is None:
            lengths = [self.dataset(split).example_lengths() for split in SPLITS]
            known = numpy.concatenate([each for each in lengths if each is not None])
            self._batch_lengths = choose_lengths(known, longest=self.max_length)
        return self._batch_lengths

    @property
    def padding_id(self) -> int:
        """Token id of padding."""
        return 0

    def identity(self) -> dict[str, Any] | None:
        """What the data are, as plain data; None as long as that is not known.

        Returns:
            `source` is `files` or `generated`. Files have a `fingerprint`, the `root` below which they lie, and the
            root as it was `given`. Generated data may have a `generator` and its `version`.
        """
        return {"source": "generated"}

    def state_dict(self) -> dict[str, Any]:
        """What checkpoints hold of the data: their identity."""
        self._identity = self._identity or self.identity()
        return {"data": self._identity, "seed": self.seed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Compares the data with those of a checkpoint; a user's own examples, for predictions, with nothing.

        Raises:
            DataError: If they are other data, other rows or columns of them, or in a training of another seed, which
                decides what is held out and in which order it comes; unless `other_data` is True.
        """
        if self.other_data or self.input_names is not None:
            return
        before, now = state_dict.get("data"), self.identity()
        if not before or not now:
            return
        if any(before.get(name) != now.get(name) for name in ("source", "fingerprint", "generator", "version")):
            remedy = (
                f"{self.place}, where those lie" if before["source"] == "files" else "data.source=generate for those"
            )
            raise DataError(
                f"these are other data than the checkpoint's: here {_said(now)}, there {_said(before)}; give {remedy}, "
                "or --other_data to take these"
            )
        taken, takes = (dict(each.get("taken", {})) for each in (before, now))
        if self.trainer is not None and self.trainer.state.fn == "fit" and "seed" in state_dict:
            taken["seed"], takes["seed"] = state_dict["seed"], self.seed
        if other := [name for name in taken if taken[name] != takes.get(name)]:
            raise DataError(
                f"data.{other[0]} {takes.get(other[0])!r}: the checkpoint's is {taken[other[0]]!r}, and decides what "
                "is trained and what is tested; leave it out, or give --other_data to mix them"
            )

    place = "data.root"
    """The argument that says where files lie, for messages."""
    trainer: Any = None
    """Lightning's trainer, while there is one."""

    def __str__(self) -> str:
        """Name and sizes; Lightning's own would open every loader."""
        sizes = f"vocab_size={self.vocab_size}, num_classes={self.num_classes}, max_length={self.max_length}"
        return f"{type(self).__name__}({sizes})"

    def training_classes(self) -> numpy.ndarray | None:
        """The classes of the training examples, (examples,), if each is to come equally often; otherwise None."""
        return None

    @abstractmethod
    def build_dataset(self, split: Split) -> BatchDataset:
        """Opens a split."""

    def dataset(self, split: Split) -> BatchDataset:
        """A split, opened once."""
        if split not in self._datasets:
            self._datasets[split] = self.build_dataset(split)
        return self._datasets[split]

    def training_labels(self) -> Iterator[Tensor]:
        """The labels of the training examples, some at a time, by which targets are normalised and classes weighted."""
        dataset = self.dataset("train")
        for start in range(0, len(dataset), 256):
            yield dataset.batch(numpy.arange(start, min(start + 256, len(dataset))))["labels"]

    def _loader(self, split: Split, *, in_order: bool = False) -> ResumableLoader:
        training = split == "train"
        return ResumableLoader(
            self.dataset(split),
            batch_size=self.batch_size if training else self.eval_batch_size,
            training=training,
            seed=self.seed,
            rank=self.trainer.global_rank if self.trainer else 0,
            world_size=self.trainer.world_size if self.trainer else 1,
            num_workers=self.num_workers,
            bucketed=self.bucketed and not in_order,
            batch_lengths=self.batch_lengths,
            repeating=bool(getattr(self.trainer, "overfit_batches", 0)),
            classes=self.training_classes() if training else None,
        )

    def train_dataloader(self) -> ResumableLoader:
        """Training batches, in an order that the seed and the epoch decide."""
        return self._loader("train")

    def val_dataloader(self) -> ResumableLoader:
        """Validation batches, every example once."""
        return self._loader("val")

    def test_dataloader(self) -> ResumableLoader:
        """Test batches, every example once."""
        return self._loader("test")

    def predict_dataloader(self) -> ResumableLoader:
        """The user's own examples after `read_inputs`, otherwise the test batches; in the order of the examples."""
        return self._loader("test", in_order=True)

    def read_inputs(self, path: str | Path) -> None:
        """Makes predictions be about a user's files, for which no training data are needed; see `read_records`.

        Raises:
            DataError: If the task cannot read them, or an example cannot be used; names it.
        """
        raise DataError(
            f"--inputs: {type(self).__name__} has no format for files; leave it out to predict the test split"
        )


def _said(identity: dict[str, Any]) -> str:
    """An identity in words."""
    if identity["source"] == "files":
        return f"files below {identity.get('root')} (fingerprint {identity.get('fingerprint', '')[:8]})"
    made = f" ({identity['generator']}, version {identity['version']})" if "generator" in identity else ""
    return f"generated data{made}"
