"""How a sequence of a file becomes numbers: bytes, characters, words, tokens of a tokenizer, integers, series."""

import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, get_args

import numpy

from datamodules.errors import DataError
from datamodules.files.rows import shown
from datamodules.files.tables import encoded

Encoding = Literal["bytes", "characters", "words", "tokenizer", "integers", "numbers"]
ENCODINGS = get_args(Encoding)


class Encoder(ABC):
    """Turns the sequences of one file into numbers that need no other file; `Vocabulary` turns these into token ids.

    Attributes:
        dtype: Type in which the numbers are kept.
        channels: Numbers per position; 0 until the first sequence has told.
    """

    dtype: ClassVar[type[numpy.generic]]
    channels: int = 1

    @abstractmethod
    def encode(self, value: Any) -> numpy.ndarray:
        """Numbers (length,), or (length, channels). Raises ValueError with the reason if there is no way to."""

    def names(self) -> list[str]:
        """What the numbers stand for, where they are the numbers of names."""
        return []


class Bytes(Encoder):
    """UTF-8."""

    dtype = numpy.uint8

    def encode(self, value: Any) -> numpy.ndarray:
        """See `Encoder.encode`."""
        return numpy.frombuffer(value if isinstance(value, bytes) else encoded(_text(value)), numpy.uint8)


class Characters(Encoder):
    """Code points of Unicode."""

    dtype = numpy.uint32

    def encode(self, value: Any) -> numpy.ndarray:
        """See `Encoder.encode`."""
        encoded(_text(value))  # refuses what is no character
        return numpy.frombuffer(value.encode("utf-32-le"), numpy.uint32)


class Words(Encoder):
    """What white space separates, or the texts of a list."""

    dtype = numpy.int32

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def encode(self, value: Any) -> numpy.ndarray:
        """See `Encoder.encode`."""
        if isinstance(value, list):
            words = [_text(word) for word in value]
            encoded(" ".join(words))
        else:
            encoded(_text(value))
            words = value.split()
        numbers = self._numbers
        return numpy.array([numbers.setdefault(word, len(numbers)) for word in words], numpy.int32)

    def names(self) -> list[str]:
        """See `Encoder.names`."""
        return list(self._numbers)


class Tokenized(Encoder):
    """Tokens of a Hugging Face tokenizer.

    Args:
        description: The content of its JSON file.
    """

    dtype = numpy.int32

    def __init__(self, description: str) -> None:
        self._tokenizer = tokenizer_of(description)

    def encode(self, value: Any) -> numpy.ndarray:
        """See `Encoder.encode`."""
        encoded(_text(value))
        return numpy.array(self._tokenizer.encode(value).ids, numpy.int32)


class Integers(Encoder):
    """Whole numbers: in a text with white space or commas between them, a JSON list, or an array."""

    dtype = numpy.int64

    def encode(self, value: Any) -> numpy.ndarray:
        """See `Encoder.encode`."""
        numbers = _numbers(value, "whole numbers")
        if numbers.ndim != 1:
            raise ValueError(f"a row of integers has one axis, got {numbers.shape}; use data.encoding=numbers")
        whole = numbers.astype(numpy.int64) if numbers.dtype.kind in "biu" else _whole(numbers)
        return whole


class Numbers(Encoder):
    """Real numbers (length,) or (length, channels), as for `Integers`; NaN, null and ? are missing values."""

    dtype = numpy.float32

    def __init__(self) -> None:
        self.channels = 0

    def encode(self, value: Any) -> numpy.ndarray:
        """See `Encoder.encode`."""
        numbers = _numbers(value, "numbers")
        if numbers.ndim not in (1, 2):
            raise ValueError(f"a series is (length,) or (length, channels), got {numbers.shape}")
        with numpy.errstate(over="ignore"):
            numbers = numbers.reshape(len(numbers), -1).astype(numpy.float32)
        if numpy.isinf(numbers).any():
            raise ValueError("an infinite number, or one beyond the range of float32; leave it empty if it is missing")
        if not self.channels and len(numbers):
            self.channels = numbers.shape[1]
        if len(numbers) and numbers.shape[1] != self.channels:
            raise ValueError(f"{numbers.shape[1]} channels, and the rows before have {self.channels}")
        return numbers


def build_encoder(encoding: Encoding, tokenizer: str | None = None) -> Encoder:
    """The encoder of that name; `tokenizer` is the content of a tokenizer's file."""
    if encoding == "tokenizer":
        return Tokenized(tokenizer or "")
    kinds: dict[str, type[Encoder]] = {
        "bytes": Bytes,
        "characters": Characters,
        "words": Words,
        "integers": Integers,
        "numbers": Numbers,
    }
    return kinds[encoding]()


def tokenizer_of(description: str) -> Any:
    """The tokenizer that a JSON file describes.

    Raises:
        DataError: If the package is missing, or the description is not one.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise DataError("data.tokenizer: this needs the package tokenizers (pip install tokenizers)") from None
    try:
        return Tokenizer.from_str(description)
    except Exception as error:  # the package raises nothing narrower
        raise DataError(f"data.tokenizer: not the JSON file of a Hugging Face tokenizer ({error})") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        numbers = isinstance(value, int | float | list | numpy.ndarray)
        hint = "; data.encoding=numbers or integers reads numbers" if numbers else ""
        raise ValueError(f"expected a text, got {shown(value)}{hint}")
    return value


def _numbers(value: Any, what: str) -> numpy.ndarray:
    """An array of a text, a list or an array."""
    if isinstance(value, str):
        encoded(value)
        if value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise ValueError(f"not a JSON list ({error})") from None
        else:
            value = value.replace(",", " ").split()
    if isinstance(value, numpy.ndarray) and value.dtype.kind in "biuf":
        return value
    if not isinstance(value, list | tuple | numpy.ndarray):
        raise ValueError(f"expected {what}, got {shown(value)}")
    try:
        array = numpy.array(value)
        if array.dtype.kind in "biuf":
            return array
        return numpy.array(_filled(value), numpy.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"expected {what}, as many in each step, got {shown(value)}") from error


def _filled(value: Any) -> Any:
    """A list with NaN where a value is missing."""
    if isinstance(value, list | tuple | numpy.ndarray):
        return [_filled(each) for each in value]
    return "nan" if value is None or value in ("?", "") else value


def _whole(numbers: numpy.ndarray) -> numpy.ndarray:
    if not (numpy.abs(numbers) < 2**53).all() or (numbers != numpy.floor(numbers)).any():
        raise ValueError("expected whole numbers; use data.encoding=numbers for others")
    return numbers.astype(numpy.int64)
