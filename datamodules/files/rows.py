"""What all readers of a user's files share: rows, their places, and errors that name them."""

import gzip
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn, cast

from datamodules.errors import DataError


class Row(NamedTuple):
    """An example as a file has it.

    Attributes:
        where: Its place in words, such as `row 7 (line 12)`.
        values: What the file holds of it, by the name of the column.
    """

    where: str
    values: dict[str, Any]


class Table(ABC):
    """A file, or a folder, that holds a row per example.

    Args:
        path: The file or folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def columns(self) -> list[str]:
        """The names of the columns, in their order."""

    @abstractmethod
    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """Reads the rows one after another; values hold the columns that are wanted, and perhaps others."""

    def contents(self) -> list[Path]:
        """The files and folders that tell the rows."""
        return [self.path]

    @property
    def kind(self) -> str:
        """The encoding that fits what the table holds: `bytes`, `integers` or `numbers`."""
        return "bytes"

    def fail(self, where: str, message: str, column: str | None = None) -> NoReturn:
        """Raises a DataError that names the file, the row and the column."""
        place = ", ".join(part for part in (str(self.path), where, column and f"column {column!r}") if part)
        raise DataError(f"{place}: {message}")


def open_binary(path: Path) -> IO[bytes]:
    """Opens a file, unpacking it if its name ends with .gz."""
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def ending_of(path: Path) -> str:
    """The ending of a file's name in small letters, without .gz."""
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def shown(value: Any, length: int = 40) -> str:
    """A value for messages, cut off where it is long."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}…"
