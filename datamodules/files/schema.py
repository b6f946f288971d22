"""What is learned from training rows and travels in checkpoints: vocabulary, classes, normalisation, lengths."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy

from datamodules.cache import Arrays
from datamodules.errors import DataError
from datamodules.files.encodings import Encoding, tokenizer_of
from datamodules.files.labels import sorted_names
from datamodules.files.reading import about_of
from datamodules.names import IGNORED, Target

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Token ids: of padding, of what is not in the vocabulary, and of its first entry."""
LONGEST = 4096
"""Length to which longer sequences are cut if `max_length` is not given."""
BLOCK = 4096
"""Examples that are looked at together."""
PIECE = 1 << 20
"""Positions that are read together."""

Normalise = Literal["channel", "series", "none"]


@dataclass(frozen=True)
class Schema:
    """What a model has to know to read sequences and to name its answers; plain data.

    Attributes:
        encoding: How sequences become numbers.
        target: What labels are.
        classes: Names of the classes in the order of their numbers; names of the columns, if labels are numbers.
        max_length: Positions after which sequences are cut off.
        vocabulary: Words, code points or integers in the order of their token ids, from `FIRST` on.
        tokenizer: The JSON of a Hugging Face tokenizer.
        channels: Numbers per position of a series.
        normalise: How series are normalised.
        mean: Mean of each channel.
        sd: Standard deviation of each channel.
    """

    encoding: Encoding
    target: Target
    classes: list[str]
    max_length: int
    vocabulary: list[Any] | None = None
    tokenizer: str | None = None
    channels: int | None = None
    normalise: Normalise = "channel"
    mean: list[float] | None = None
    sd: list[float] | None = None

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Schema":
        """A schema from what `plain` gave, such as a checkpoint holds."""
        try:
            return cls(**plain)
        except TypeError as error:
            raise DataError(f"data.schema: not what a checkpoint of Files holds ({error})") from error

    def plain(self) -> dict[str, Any]:
        """The schema as plain data."""
        return asdict(self)

    @property
    def vocab_size(self) -> int:
        """Number of token ids; 0 for series."""
        if self.encoding == "bytes":
            return 257
        if self.encoding == "tokenizer":
            return tokenizer_of(self.tokenizer or "").get_vocab_size() + 1
        return 0 if self.encoding == "numbers" else FIRST + len(self.vocabulary or ())


def learn(
    packed: Arrays,
    train: numpy.ndarray,
    *,
    encoding: Encoding,
    target: Target,
    columns: tuple[str, ...],
    tokenizer: str | None,
    max_length: int,
    vocabulary: int,
    normalise: Normalise,
    ways: int,
) -> Schema:
    """Learns from the training rows of a file.

    Args:
        packed: The file; see `pack`.
        train: Sorted indices of its training examples.
        encoding: How sequences were packed.
        target: What labels are.
        columns: Columns of the label.
        tokenizer: The JSON of a tokenizer.
        max_length: See `Schema`.
        vocabulary: Most words, characters or integers to keep; the most frequent are kept.
        normalise: See `Schema`.
        ways: Sequences of an example.
    """
    about = about_of(packed)
    learned: dict[str, Any] = {"tokenizer": tokenizer, "normalise": normalise}
    if encoding in ("words", "characters", "integers"):
        learned["vocabulary"] = _vocabulary(packed, train, ways, about["words"], vocabulary)
    if encoding == "numbers":
        learned["channels"] = about["channels"]
        if normalise == "channel":
            learned["mean"], learned["sd"] = _moments(packed, train, ways, about["channels"])
    if target == "regression" or (target == "multilabel" and len(columns) > 1):
        classes = list(columns)
    else:
        classes = sorted_names([about["classes"][number] for number in _present(packed, train, target)])
    return Schema(encoding, target, classes, max_length, **learned)


def _pieces(packed: Arrays, train: numpy.ndarray, ways: int, channels: int = 1) -> Iterator[numpy.ndarray]:
    """The numbers of the training sequences, a few at a time. A sequence that many pairs share counts once."""
    offsets = packed["offsets"]
    used = numpy.zeros(len(offsets) - 1, bool)
    members = packed.get("members")
    for start in range(0, len(train), BLOCK):
        which = (train[start : start + BLOCK, None] * ways + numpy.arange(ways)).ravel()
        used[which if members is None else members[which]] = True
    start = 0
    while start < len(used):
        end = max(start + 1, int(numpy.searchsorted(offsets, offsets[start] + PIECE, "right")) - 1)
        if used[start:end].any():
            piece = read_part(packed["tokens"], int(offsets[start]) * channels, int(offsets[end]) * channels)
            if not used[start:end].all():
                piece = piece[numpy.repeat(used[start:end], numpy.diff(offsets[start : end + 1]) * channels)]
            yield piece
        start = end


def read_part(array: numpy.ndarray, start: int, end: int) -> numpy.ndarray:
    """A part of an array; of a memory map it is read from the file, so that the map does not stay in memory."""
    if not isinstance(array, numpy.memmap):
        return array[start:end]
    offset = array.offset + start * array.itemsize  # type: ignore[attr-defined]
    return numpy.fromfile(str(array.filename), array.dtype, end - start, offset=offset)


def _vocabulary(packed: Arrays, train: numpy.ndarray, ways: int, words: list[str], most: int) -> list[Any]:
    counts: dict[int, int] = {}
    for piece in _pieces(packed, train, ways):
        for value, count in zip(*numpy.unique(piece, return_counts=True), strict=True):
            counts[int(value)] = counts.get(int(value), 0) + int(count)
    frequent = sorted(counts, key=lambda value: (-counts[value], value))[:most]
    return [words[value] for value in frequent] if words else sorted(frequent)


def _moments(packed: Arrays, train: numpy.ndarray, ways: int, channels: int) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over the training rows; missing values do not count."""
    count, total, squares = numpy.zeros((3, channels))
    first: numpy.ndarray | None = None
    for piece in _pieces(packed, train, ways, channels):
        numbers = piece.reshape(-1, channels).astype(numpy.float64)
        known = ~numpy.isnan(numbers)
        if first is None:  # squares of distances from a number near the mean keep their digits
            first = numpy.where(known, numbers, 0).sum(0) / known.sum(0).clip(1)
        away = numpy.where(known, numbers - first, 0)
        count, total, squares = count + known.sum(0), total + away.sum(0), squares + numpy.square(away).sum(0)
    mean = total / count.clip(1)
    sd = numpy.sqrt((squares / count.clip(1) - numpy.square(mean)).clip(0))
    mean = mean + (0 if first is None else first)
    return mean.tolist(), numpy.where(sd > 1e-12 * (1 + numpy.abs(mean)), sd, 1.0).tolist()


def _present(packed: Arrays, train: numpy.ndarray, target: Target) -> list[int]:
    """The classes that occur among training rows, by their numbers in the file."""
    if "labels" not in packed or not len(packed["labels"]):
        return []
    labels, found = packed["labels"], set[int]()
    bounds = packed["offsets"] if target == "token" else packed.get("label_offsets")
    for start in range(0, len(train), BLOCK):
        block = train[start : start + BLOCK]
        if bounds is None:
            found.update(numpy.unique(labels[block]).tolist())
            continue
        parts = [labels[bounds[index] : bounds[index + 1]] for index in block]
        found.update(numpy.unique(numpy.concatenate(parts)).tolist())
    return sorted(found - {IGNORED})
