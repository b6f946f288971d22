"""Datasets over packed arrays: sequences of tokens, pairs of them, images, and parts of a dataset."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy
import torch

from datamodules.loader import Batch, BatchDataset

Augment = Callable[[numpy.ndarray, numpy.random.Generator], numpy.ndarray]
"""Changes a stored example without changing its label."""


class PackedDataset(BatchDataset):
    """Sequences of different lengths with one label each, stored end to end.

    Args:
        tokens: (total,) integers, all sequences one after another.
        offsets: (examples * ways + 1,) int64, where each sequence begins and the last ends.
        labels: (examples,) integers.
        padding_id: Token id after the end of shorter sequences.
        shift: Added to the stored integers to give token ids, such as 1 where bytes are stored and 0 is padding.
        limit: Most tokens of a sequence; the rest is cut off. If None, sequences are kept whole.
        pad_to: Length of every batch. If None, a batch is as long as its longest sequence.
        augment: Changes the sequences before they are cut off. If None, they stay as they are.
        seed: Seed of the changes.
        ways: Sequences that make an example. 1: `tokens` is (batch, length); 2: it is (batch, 2, length).
    """

    def __init__(
        self,
        tokens: numpy.ndarray,
        offsets: numpy.ndarray,
        labels: numpy.ndarray,
        padding_id: int = 0,
        *,
        shift: int = 0,
        limit: int | None = None,
        pad_to: int | None = None,
        augment: Augment | None = None,
        seed: int = 0,
        ways: Literal[1, 2] = 1,
    ) -> None:
        # A slice of a memory map takes several times as long as one of an array that it is seen as.
        self.tokens, self.offsets, self.labels = map(numpy.asarray, (tokens, offsets, labels))
        self.padding_id = padding_id
        self.shift, self.limit, self.pad_to, self.ways = shift, limit, pad_to, ways
        self.augment, self.seed = augment, seed

    def __len__(self) -> int:
        """See `BatchDataset.__len__`."""
        return len(self.labels)

    def example_lengths(self) -> numpy.ndarray:
        """See `BatchDataset.example_lengths`; a pair has the length of its longer sequence."""
        lengths = numpy.diff(self.offsets).reshape(-1, self.ways).max(1)
        return lengths if self.limit is None else numpy.minimum(lengths, self.limit)

    def batch(self, indices: numpy.ndarray) -> Batch:
        """See `BatchDataset.batch`; there is a `mask` if any sequence is padded."""
        which = (indices[:, None] * self.ways + numpy.arange(self.ways)).ravel()
        starts, ends = self.offsets[which], self.offsets[which + 1]
        if self.limit is not None and self.augment is None:
            ends = numpy.minimum(ends, starts + self.limit)
        sequences = [self.tokens[start:end] for start, end in zip(starts, ends, strict=True)]
        if self.augment is not None:
            generator = numpy.random.default_rng([self.seed, self.epoch, int(indices[0])])
            sequences = [self.augment(sequence, generator)[: self.limit] for sequence in sequences]
        lengths = numpy.array([len(sequence) for sequence in sequences])
        mask = numpy.arange(self.pad_to or lengths.max()) < lengths[:, None]
        tokens = numpy.full(mask.shape, self.padding_id, dtype=numpy.int64)
        for row, sequence in zip(tokens, sequences, strict=True):
            numpy.add(sequence, self.shift, out=row[: len(sequence)], dtype=numpy.int64)
        shape = (len(indices), self.ways, -1) if self.ways > 1 else (len(indices), -1)
        batch = {
            "tokens": torch.from_numpy(tokens).view(shape),
            "labels": torch.from_numpy(self.labels[indices].astype(numpy.int64)),
        }
        # A mask that masks nothing would only keep attention from its fastest kernels.
        return batch if mask.all() else {**batch, "mask": torch.from_numpy(mask).view(shape)}


class ImageDataset(BatchDataset):
    """Grayscale images read row by row as sequences, with one label each.

    Args:
        images: (examples, height, width) uint8.
        labels: (examples,) integers.
        pixels: tokens: ids 1 to 256, so that black is not taken for padding; scalars: numbers from -1 to 1, float32.
        augment: Changes the images. If None, they stay as they are.
        seed: Seed of the changes.
    """

    def __init__(
        self,
        images: numpy.ndarray,
        labels: numpy.ndarray,
        pixels: Literal["tokens", "scalars"] = "tokens",
        *,
        augment: Augment | None = None,
        seed: int = 0,
    ) -> None:
        self.images, self.labels, self.pixels, self.augment, self.seed = images, labels, pixels, augment, seed

    def __len__(self) -> int:
        """See `BatchDataset.__len__`."""
        return len(self.labels)

    def batch(self, indices: numpy.ndarray) -> Batch:
        """See `BatchDataset.batch`; every sequence is height * width long, so there is no mask."""
        images = numpy.asarray(self.images[indices])
        if self.augment is not None:
            generator = numpy.random.default_rng([self.seed, self.epoch, int(indices[0])])
            images = numpy.stack([self.augment(image, generator) for image in images])
        flat = images.reshape(len(images), -1)
        if self.pixels == "tokens":
            tokens = torch.from_numpy(numpy.add(flat, 1, dtype=numpy.int64))
        else:
            tokens = torch.from_numpy(flat.astype(numpy.float32)) / 127.5 - 1.0
        return {
            "tokens": tokens,
            "labels": torch.from_numpy(self.labels[indices].astype(numpy.int64)),
        }


class Part(BatchDataset):
    """Some examples of a dataset.

    Args:
        whole: The dataset.
        chosen: (examples,) indices into it.
    """

    def __init__(self, whole: BatchDataset, chosen: numpy.ndarray | Sequence[int]) -> None:
        self.whole, self.chosen = whole, numpy.asarray(chosen)

    def __len__(self) -> int:
        """See `BatchDataset.__len__`."""
        return len(self.chosen)

    def example_lengths(self) -> numpy.ndarray | None:
        """See `BatchDataset.example_lengths`."""
        lengths = self.whole.example_lengths()
        return None if lengths is None else lengths[self.chosen]

    def batch(self, indices: numpy.ndarray) -> Batch:
        """See `BatchDataset.batch`."""
        self.whole.epoch = self.epoch
        return self.whole.batch(self.chosen[indices])


def holdout(labels: numpy.ndarray, fraction: float, seed: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Splits examples at random, the same fraction of every class.

    Args:
        labels: (examples,) classes.
        fraction: Share of the examples that the second part gets.
        seed: Seed of the choice.

    Returns:
        Sorted indices of the larger and of the smaller part.
    """
    generator = numpy.random.default_rng(seed)
    held = [
        generator.permutation(numpy.flatnonzero(labels == label))[: round(fraction * int((labels == label).sum()))]
        for label in numpy.unique(labels)
    ]
    chosen = numpy.sort(numpy.concatenate(held))
    return numpy.setdiff1d(numpy.arange(len(labels)), chosen), chosen
