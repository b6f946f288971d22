"""How the labels of a file become numbers: one class, several, values, or a class per position."""

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy

from datamodules.files.encodings import Encoding
from datamodules.files.rows import shown
from datamodules.files.tables import encoded
from datamodules.names import IGNORED, Target

LARGEST = float(numpy.finfo(numpy.float32).max)
MOST_CLASSES = 10_000
"""Classes from which on labels are taken for something else."""


class LabelReader(ABC):
    """Turns the labels of one file into numbers that need no other file.

    Attributes:
        dtype: Type in which the numbers are kept.
        names: The classes by their names, with their numbers in order of appearance.
    """

    dtype: ClassVar[type[numpy.generic]] = numpy.int32

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    @abstractmethod
    def read(self, values: list[Any], length: int | None = None) -> list[Any]:
        """The numbers of a row.

        Args:
            values: What the columns of the label hold.
            length: Positions of the row's sequence; None: not known.

        Raises:
            ValueError: If they cannot be read; says why.
        """

    def number(self, value: Any) -> int:
        """The number of a class."""
        name = class_name(value)
        number = self.names.setdefault(name, len(self.names))
        if len(self.names) > MOST_CLASSES:
            raise ValueError(
                f"more than {MOST_CLASSES:,} different labels, such as {shown(name)}; for numbers use "
                "data.target=regression"
            )
        return number


class OneClass(LabelReader):
    """A class per sequence."""

    def read(self, values: list[Any], length: int | None = None) -> list[Any]:
        """See `LabelReader.read`."""
        return [self.number(values[0])]


class Classes(LabelReader):
    """Any number of classes per sequence: a list, a text with separators, or a column of 0 and 1 for each class.

    Args:
        columns: Names of the columns.
        separator: What separates the classes of a text.
    """

    def __init__(self, columns: tuple[str, ...], separator: str) -> None:
        super().__init__()
        self.columns, self.separator = columns, separator
        if len(columns) > 1:
            self.names = {name: number for number, name in enumerate(columns)}

    def read(self, values: list[Any], length: int | None = None) -> list[Any]:
        """See `LabelReader.read`; the numbers of the classes that hold."""
        if len(self.columns) > 1:
            return [n for n, value in enumerate(values) if _flag(value)]
        value = values[0]
        if isinstance(value, str):
            value = [part.strip() for part in value.split(self.separator) if part.strip()]
        elif value is None:
            value = []
        elif isinstance(value, numpy.ndarray):
            value = value.tolist()
        elif not isinstance(value, list | tuple):
            value = [value]
        return sorted({self.number(each) for each in value})


class Values(LabelReader):
    """A number per column."""

    dtype = numpy.float32

    def read(self, values: list[Any], length: int | None = None) -> list[Any]:
        """See `LabelReader.read`."""
        numbers = []
        for value in values:
            try:
                number = float(value)
            except (TypeError, ValueError):
                number = math.nan
            if not abs(number) < LARGEST or isinstance(value, bool):
                raise ValueError(f"expected a number within the range of float32, got {shown(value)}")
            numbers.append(number)
        return numbers


class PerPosition(LabelReader):
    """A class per position: a list, or a text that is split as the sequence is; null and -100 are not scored.

    Args:
        letters: Whether each character of a text is a label; otherwise white space separates them.
    """

    def __init__(self, letters: bool) -> None:
        super().__init__()
        self.letters = letters

    def read(self, values: list[Any], length: int | None = None) -> list[Any]:
        """See `LabelReader.read`."""
        value = values[0]
        if isinstance(value, str):
            encoded(value)
            value = list(value) if self.letters and not value.strip().count(" ") else value.split()
        elif isinstance(value, numpy.ndarray):
            value = value.tolist()
        if not isinstance(value, list | tuple):
            raise ValueError(f"expected a label for each position, got {shown(value)}")
        if length is not None and len(value) != length:
            raise ValueError(f"{len(value)} labels for a sequence of {length}")
        ignored = (None, IGNORED, str(IGNORED))
        return [IGNORED if each in ignored else self.number(each) for each in value]


def build_labels(target: Target, columns: tuple[str, ...], separator: str, encoding: Encoding) -> LabelReader:
    """The reader of labels for a target."""
    if target == "class":
        return OneClass()
    if target == "multilabel":
        return Classes(columns, separator)
    return Values() if target == "regression" else PerPosition(encoding in ("bytes", "characters"))


def class_name(value: Any) -> str:
    """The name of a class as text: true and false, whole numbers without a point, texts without spaces around them."""
    if isinstance(value, str):
        encoded(value)
        name = value.strip()
    elif isinstance(value, bool):
        name = "true" if value else "false"
    elif isinstance(value, float) and value.is_integer():
        name = str(int(value))
    elif isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        name = str(value)
    else:
        raise ValueError(f"expected a class, got {shown(value)}")
    if not name:
        raise ValueError("the label is empty")
    return name


def sorted_names(names: list[str]) -> list[str]:
    """The order of the classes: by number if all are whole numbers, otherwise as texts."""
    try:
        return sorted(names, key=lambda name: (int(name), name))
    except ValueError:
        return sorted(names)


def _flag(value: Any) -> bool:
    text = class_name(value).lower()
    if text not in ("0", "1", "true", "false"):
        raise ValueError(f"expected 0 or 1 for each class, got {shown(value)}")
    return text in ("1", "true")
