"""Folders: a folder per class, with a file per example, or with FASTA files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy

from datamodules.errors import DataError
from datamodules.files import fasta
from datamodules.files.rows import Row, Table, ending_of, open_binary
from datamodules.listing import files_below, is_foreign


class Folder(Table):
    """A folder with a folder per class, whose name is the label.

    A FASTA file below it holds a row per sequence, an .npy file a series (length,) or (length, channels), and any
    other file a text. The columns are `name`, `text` and `label`. A folder of FASTA files alone has a file per class.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._classes = sorted(
            each for each in path.iterdir() if not is_foreign(each.name) and not each.name.startswith(".")
        )
        self._by_file = bool(self._classes) and all(
            each.is_file() and ending_of(each) in fasta.ENDINGS for each in self._classes
        )
        if not self._by_file:
            beside = [each.name for each in self._classes if not each.is_dir()]
            self._classes = [each for each in self._classes if each.is_dir()]
            if not self._classes or (beside and self._classes):
                what = f"the file {beside[0]} lies beside the folders" if self._classes else "no folders in it"
                raise DataError(f"{path}: {what}; give a folder that holds a folder per class and nothing else")

    def columns(self) -> list[str]:
        """See `Table.columns`."""
        return ["name", "text", "label"]

    @property
    def kind(self) -> str:
        """See `Table.kind`; told by the first file."""
        return "numbers" if any(ending_of(file) == ".npy" for _, file in self._first()) else "bytes"

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """See `Table.rows`."""
        for label, file in self._files():
            if ending_of(file) in fasta.ENDINGS:
                table = fasta.Fasta(file)
                table.columns()  # refuses an empty file
                for row in table.rows(()):
                    yield Row(f"{file.relative_to(self.path)}, {row.where}", {**row.values, "label": label})
                continue
            name = str(file.relative_to(self.path))
            text = self._array(file) if ending_of(file) == ".npy" else self._text(file)
            yield Row(name, {"name": name, "text": text, "label": label})

    def _first(self) -> list[tuple[str, Path]]:
        return next(([pair] for pair in self._files()), [])

    def _files(self) -> Iterator[tuple[str, Path]]:
        for each in self._classes:
            if self._by_file:
                yield each.name.split(".")[0], each
                continue
            files = files_below(each)
            if not files:
                self.fail(each.name, "the folder of this class is empty; remove it, or add examples")
            for file in files:
                yield each.name, file

    def _text(self, file: Path) -> str:
        with open_binary(file) as stream:
            return stream.read().decode("utf-8", "surrogateescape")

    def _array(self, file: Path) -> numpy.ndarray:
        try:
            return numpy.load(file, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            self.fail(str(file.relative_to(self.path)), f"not an .npy file of numbers ({error})")
