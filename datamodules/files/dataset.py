"""Batches of a packed file, in the token ids and classes of a schema."""

import numpy
import torch
from torch import Tensor

from datamodules.cache import Arrays
from datamodules.files.reading import about_of
from datamodules.files.schema import FIRST, UNKNOWN, Schema
from datamodules.loader import Batch, BatchDataset
from datamodules.names import IGNORED

NO_CLASS = -1
"""Number of a class that is not in the schema."""


class FilesDataset(BatchDataset):
    """The examples of a packed file.

    Args:
        packed: The file; see `pack`.
        schema: Vocabulary, classes and normalisation.
        ways: Sequences of an example.
        pad_to: Length of every batch. If None, a batch is as long as its longest sequence.
    """

    def __init__(self, packed: Arrays, schema: Schema, ways: int = 1, pad_to: int | None = None) -> None:
        self.schema, self.ways, self.pad_to = schema, ways, pad_to
        about = about_of(packed)
        self.tokens, self.offsets, self.members = packed["tokens"], packed["offsets"], packed.get("members")
        self.labels, self.label_offsets = packed.get("labels"), packed.get("label_offsets")
        self.count, self.channels = int(about["examples"]), int(about["channels"] or 1)
        self.translate = Translation(schema, about["words"])
        numbers = {name: number for number, name in enumerate(schema.classes)}
        self.classes = numpy.array([numbers.get(name, NO_CLASS) for name in about["classes"]] or [0], numpy.int64)
        if schema.encoding == "numbers":
            self.tokens = self.tokens.reshape(-1, self.channels)
            self.mean = numpy.array(schema.mean or [0.0], numpy.float32)
            self.sd = numpy.array(schema.sd or [1.0], numpy.float32)

    def __len__(self) -> int:
        """See `BatchDataset.__len__`."""
        return self.count

    def full_lengths(self) -> numpy.ndarray:
        """The length of each example before it is cut off; a pair has the length of its longer sequence."""
        lengths = numpy.diff(self.offsets)
        if self.members is not None:
            lengths = lengths[self.members]
        return lengths.reshape(-1, self.ways).max(1) if self.ways > 1 else lengths

    def example_lengths(self) -> numpy.ndarray:
        """See `BatchDataset.example_lengths`."""
        return numpy.minimum(self.full_lengths(), self.schema.max_length)

    def classes_of(self, indices: numpy.ndarray) -> numpy.ndarray:
        """The classes of examples with one class each, (examples,)."""
        assert self.labels is not None
        return self.classes[self.labels[indices]]

    def any_unknown(self, indices: numpy.ndarray) -> bool:
        """Whether any of the examples has a class that the schema does not have."""
        if self.labels is None or self.schema.target == "regression" or (self.classes >= 0).all():
            return False
        bad = self.classes < 0
        if self.schema.target == "class":
            return bool(bad[self.labels[indices]].any())
        bounds = self.offsets if self.label_offsets is None else self.label_offsets
        parts = (self.labels[bounds[index] : bounds[index + 1]] for index in indices.tolist())
        return any(bad[part[part >= 0]].any() for part in parts)

    def batch(self, indices: numpy.ndarray) -> Batch:
        """See `BatchDataset.batch`; there is a `mask` if any sequence is padded."""
        which = (indices[:, None] * self.ways + numpy.arange(self.ways)).ravel()
        if self.members is not None:
            which = self.members[which]
        starts = self.offsets[which]
        ends = numpy.minimum(self.offsets[which + 1], starts + self.schema.max_length)
        lengths = ends - starts
        mask = numpy.arange(self.pad_to or lengths.max()) < lengths[:, None]
        parts = [self.tokens[start:end] for start, end in zip(starts, ends, strict=True)]
        batch: Batch = {}
        if self.schema.encoding == "numbers":
            features = numpy.zeros((*mask.shape, self.channels), numpy.float32)
            features[mask] = numpy.concatenate([self._normalised(part) for part in parts])
            batch["features"] = torch.from_numpy(features)
        else:
            tokens = numpy.zeros(mask.shape, numpy.int64)
            tokens[mask] = self.translate(numpy.concatenate(parts))
            batch["tokens"] = self._shaped(tokens)
        batch["labels"] = self.labels_of(indices, mask.shape[1])
        if self.labels is None and self.schema.target == "token":
            batch["labels"][torch.from_numpy(~mask)] = IGNORED
        # A mask that masks nothing would only keep attention from its fastest kernels.
        return batch if mask.all() else {**batch, "mask": self._shaped(mask)}

    def _shaped(self, array: numpy.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor.view(-1, self.ways, array.shape[1]) if self.ways > 1 else tensor

    def labels_of(self, indices: numpy.ndarray, length: int | None = None) -> Tensor:
        """The labels of examples, or 0 if they have none.

        Args:
            indices: (examples,) which examples.
            length: To which labels of positions are padded; None: they are put end to end.
        """
        target, count = self.schema.target, len(indices)
        if self.labels is None:
            if target in ("class", "token"):
                return torch.zeros((count,) if target == "class" else (count, length or 1), dtype=torch.int64)
            return torch.zeros(count, len(self.schema.classes))
        if target == "class":
            return torch.from_numpy(self.classes_of(indices))
        if target == "regression":
            return torch.from_numpy(self.labels.reshape(self.count, -1)[indices])
        bounds = self.offsets if self.label_offsets is None else self.label_offsets
        parts = [self.labels[bounds[index] : bounds[index + 1]] for index in indices]
        if target == "multilabel":
            flags = numpy.zeros((count, len(self.schema.classes)), numpy.float32)
            for row, part in enumerate(parts):
                flags[row, self.classes[part]] = 1.0
            return torch.from_numpy(flags)
        parts = [part[: self.schema.max_length] for part in parts]
        parts = [numpy.where(part >= 0, self.classes[part.clip(0)], IGNORED) for part in parts]
        if length is None:
            return torch.from_numpy(numpy.concatenate(parts))
        labels = numpy.full((count, length), IGNORED, numpy.int64)
        for row, part in enumerate(parts):
            labels[row, : len(part)] = part
        return torch.from_numpy(labels)

    def _normalised(self, series: numpy.ndarray) -> numpy.ndarray:
        """A series (length, channels); missing values are the mean."""
        if self.schema.normalise == "series":
            known = ~numpy.isnan(series)
            count = known.sum(0).clip(1)
            mean = numpy.where(known, series, 0).sum(0) / count
            sd = numpy.sqrt(numpy.where(known, numpy.square(series - mean), 0).sum(0) / count)
            series = (series - mean) / numpy.where(sd > 1e-8, sd, 1.0)
        elif self.schema.normalise == "channel":
            series = (series - self.mean) / self.sd
        return numpy.nan_to_num(series)


class Translation:
    """Turns the numbers of a packed file into token ids of a schema.

    Args:
        schema: Holds the vocabulary.
        words: The words that the numbers of the file stand for.
    """

    def __init__(self, schema: Schema, words: list[str]) -> None:
        self.encoding, vocabulary = schema.encoding, schema.vocabulary or []
        if schema.encoding == "words":
            numbers = {word: number for number, word in enumerate(vocabulary, start=FIRST)}
            self.table = numpy.array([numbers.get(word, UNKNOWN) for word in words] or [UNKNOWN], numpy.int64)
        elif schema.encoding in ("characters", "integers"):
            self.known = numpy.array(vocabulary or [-1], numpy.int64)  # sorted

    def __call__(self, numbers: numpy.ndarray) -> numpy.ndarray:
        """Token ids, int64, of the same shape."""
        if self.encoding == "words":
            return self.table[numbers]
        numbers = numbers.astype(numpy.int64)
        if self.encoding not in ("characters", "integers"):
            return numbers + 1
        places = numpy.searchsorted(self.known, numbers).clip(max=len(self.known) - 1)
        return numpy.where(self.known[places] == numbers, places + FIRST, UNKNOWN)
