"""From files to packed arrays: which columns, one row after another in bounded memory."""

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

import numpy

from datamodules.bars import bar
from datamodules.cache import Arrays
from datamodules.errors import DataError
from datamodules.files.buffers import Buffered
from datamodules.files.encodings import Encoder, Encoding, Numbers, build_encoder
from datamodules.files.labels import build_labels
from datamodules.files.opening import open_table
from datamodules.files.rows import Row, Table
from datamodules.names import Target

SPLIT_NAMES = {
    **{"train": 0, "training": 0},
    **{"val": 1, "valid": 1, "validation": 1, "dev": 1, "eval": 1},
    **{"test": 2, "testing": 2},
}
"""What rows may have in the column that says their split."""
VERSION = 1
"""Raised when the same file and settings give other arrays."""


@dataclass(frozen=True)
class Reading:
    """What of a file is read, and how. The arguments are those of `Files`."""

    text: str
    text2: str | None
    label: tuple[str, ...]
    split: str | None
    columns: tuple[str, ...]
    delimiter: str | None
    sequences: str | None
    sequences_id: str
    sequences_text: str
    encoding: Encoding
    tokenizer: str | None = field(repr=False)
    target: Target
    separator: str
    skip_empty: bool

    @property
    def ways(self) -> int:
        """Sequences of an example."""
        return 1 if self.text2 is None else 2


def pack(
    path: str | Path, reading: Reading, folder: Path, *, labelled: bool = True, flag: str = "data.train"
) -> Arrays:
    """Reads a file into arrays.

    Args:
        path: The file or folder.
        reading: What is read of it.
        folder: Where large arrays are written while they grow.
        labelled: Whether labels are read.
        flag: The argument that gave the path, for messages.

    Returns:
        `tokens`, the numbers of all sequences end to end; `offsets` (sequences + 1,); `labels`, with
        `label_offsets` (examples + 1,) where an example has any number of them; `splits` (examples,), where a column
        says them; `members` (examples * ways,), where sequences have a file of their own; and `about`, JSON as bytes.
    """
    return _Packing(open_table(path, reading.columns, reading.delimiter, flag=flag), reading, folder, labelled).run()


def about_of(packed: Arrays) -> dict[str, Any]:
    """What `pack` says beside the arrays: names of words and classes, channels, rows that were passed over."""
    return json.loads(packed["about"].tobytes())


def warn_of_skipped(path: str | Path, about: Mapping[str, Any]) -> None:
    """Says how many rows of a file were passed over, if any."""
    if skipped := about["skipped"]:
        rows = about["examples"] + skipped
        warnings.warn(f"{path}: {skipped} of {rows} rows have an empty sequence and are skipped", stacklevel=3)


class _Packing:
    def __init__(self, table: Table, reading: Reading, folder: Path, labelled: bool) -> None:
        self.table, self.reading, self.labelled = table, reading, labelled and bool(reading.label)
        self.naming = not labelled  # predictions say of which row they are
        self.encoder: Encoder = build_encoder(reading.encoding, reading.tokenizer)
        self.labels = build_labels(reading.target, reading.label, reading.separator, reading.encoding)
        self.tokens = Buffered(folder / "tokens.npy", self.encoder.dtype)
        self.offsets = Buffered(folder / "offsets.npy", numpy.int64)
        self.values = Buffered(folder / "labels.npy", self.labels.dtype)
        self.value_offsets = Buffered(folder / "label_offsets.npy", numpy.int64)
        self.splits = Buffered(folder / "splits.npy", numpy.uint8)
        self.members = Buffered(folder / "members.npy", numpy.int64)
        self.positions = self.count = self.skipped = self.missing = 0
        self.names: list[str] = []

    def run(self) -> Arrays:
        columns = self.table.columns()
        text = self._text_columns(columns)
        split = self.reading.split if self.reading.split in columns and self.labelled else None
        label = self.reading.label if self.labelled else ()
        name = "name" if self.naming and "name" in columns else None
        wanted = [*text, *([self.reading.text2] if self.reading.text2 else []), *label]
        wanted += [each for each in (split, name) if each is not None]
        for column in dict.fromkeys(wanted):
            self._check(column, columns)
        known = self._pack_sequences() if self.reading.sequences else None
        self.offsets.extend([0]) if known is None else None
        self.value_offsets.extend([0])
        progress = bar(desc=self.table.path.name, unit=" rows", mininterval=1, delay=2)
        with progress:
            for number, row in enumerate(self.table.rows(list(dict.fromkeys(wanted))), start=1):
                before = self.count
                self._add(row, text, label, split, known)
                if self.naming and self.count > before:
                    self.names.append(str(row.values[name] if name and row.values[name] else number))
                progress.update()
        if not self.count:
            self.table.fail("", "no examples in it")
        return self._arrays(known is not None, bool(split))

    def _text_columns(self, columns: list[str]) -> list[str]:
        """The column of the sequence; several if its name is a pattern, which then hold a number per position."""
        text = self.reading.text
        if not any(letter in text for letter in "*?[") or text in columns:
            return [text]
        found = [name for name in columns if fnmatchcase(name, text)]
        if not found:
            self._missing(text, columns)
        if self.reading.encoding not in ("integers", "numbers"):
            raise DataError(
                f"data.text={text} means {len(found)} columns of a number each; give data.encoding=numbers or integers"
            )
        return found

    def _check(self, column: str, columns: list[str]) -> None:
        if column not in columns:
            self._missing(column, columns)
        if columns.count(column) > 1:
            places = [str(number) for number, name in enumerate(columns, start=1) if name == column]
            self.table.fail("row 1 (the names)", f"stands {len(places)} times (columns {', '.join(places)})", column)

    def _missing(self, column: str, columns: list[str]) -> NoReturn:
        reading = self.reading
        flag = "data.text" if column == reading.text else "data.text2" if column == reading.text2 else "data.label"
        known = ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
        if len(columns) == 1 and (found := re.search(r"[;\t|,]", columns[0])):
            self.table.fail("row 1 (the names)", f"there is one column only, {known}; give data.delimiter={found[0]!r}")
        self.table.fail("row 1 (the names)", f"there is no such column among {known}; name yours with {flag}", column)

    def _pack_sequences(self) -> dict[str, int]:
        """Packs the file of sequences; returns the number of each by its id."""
        table = open_table(str(self.reading.sequences), (), self.reading.delimiter, flag="data.sequences")
        key, content, known = self.reading.sequences_id, self.reading.sequences_text, dict[str, int]()
        columns = table.columns()
        for flag, column in (("data.sequences_id", key), ("data.sequences_text", content)):
            if column not in columns:
                table.fail("", f"no such column among {', '.join(columns)}; name yours with {flag}", column)
        self.offsets.extend([0])
        for row in table.rows([key, content]):
            name = str(row.values[key])
            if name in known:
                table.fail(row.where, f"{name!r} stands for an earlier sequence already", key)
            known[name] = len(known)
            sequence = self._encode(table, row.where, row.values[content], content)
            if not len(sequence):
                table.fail(row.where, "the sequence is empty", content)
            self._append(sequence)
        return known

    def _encode(self, table: Table, where: str, value: Any, column: str) -> numpy.ndarray:
        try:
            return self.encoder.encode(value)
        except ValueError as error:
            table.fail(where, str(error), column)

    def _append(self, sequence: numpy.ndarray) -> None:
        self.positions += len(sequence)
        self.missing += int(numpy.isnan(sequence).sum()) if isinstance(self.encoder, Numbers) else 0
        self.tokens.append(sequence.ravel())
        self.offsets.extend([self.positions])

    def _add(
        self, row: Row, text: list[str], label: tuple[str, ...], split: str | None, known: dict[str, int] | None
    ) -> None:
        values = row.values
        columns = [self.reading.text, *([self.reading.text2] if self.reading.text2 else [])]
        inputs = [values[text[0]] if len(text) == 1 else [values[name] for name in text]]
        inputs += [values[name] for name in columns[1:]]
        if known is not None:
            for column, value in zip(columns, inputs, strict=True):
                if str(value) not in known:
                    self.table.fail(row.where, f"no sequence {str(value)!r} in {self.reading.sequences}", column)
            self.members.extend([known[str(value)] for value in inputs])
            sequences, length = [], 0
        else:
            sequences = [
                self._encode(self.table, row.where, "" if value is None else value, column)
                for column, value in zip(columns, inputs, strict=True)
            ]
            empty = [column for column, each in zip(columns, sequences, strict=True) if not len(each)]
            if empty and self.reading.skip_empty:
                self.skipped += 1
                return
            if empty:
                self.table.fail(
                    row.where, "the sequence is empty; data.skip_empty=true passes such rows over", empty[0]
                )
            length = len(sequences[0])
        if label:
            self._add_label(row, label, length)
        if split:
            self.splits.extend([self._split(row, split)])
        for sequence in sequences:
            self._append(sequence)
        self.count += 1

    def _add_label(self, row: Row, label: tuple[str, ...], length: int) -> None:
        try:
            numbers = self.labels.read([row.values[name] for name in label], length)
        except ValueError as error:
            self.table.fail(row.where, str(error), ", ".join(label))
        self.values.extend(numbers)
        if self.reading.target == "multilabel":
            self.value_offsets.extend([self.values.count])

    def _split(self, row: Row, split: str) -> int:
        name = str(row.values[split]).strip().lower()
        if name not in SPLIT_NAMES:
            self.table.fail(row.where, f"expected train, val or test, got {row.values[split]!r}", split)
        return SPLIT_NAMES[name]

    def _arrays(self, joined: bool, split: bool) -> Arrays:
        about = {
            "words": self.encoder.names(),
            "classes": list(self.labels.names),
            "channels": self.encoder.channels,
            "missing": self.missing,
            "skipped": self.skipped,
            "examples": self.count,
            "names": self.names,
        }
        grown = {
            "tokens": self.tokens,
            "offsets": self.offsets,
            "labels": self.values if self.labelled else None,
            "label_offsets": self.value_offsets if self.reading.target == "multilabel" and self.labelled else None,
            "splits": self.splits if split else None,
            "members": self.members if joined else None,
        }
        unused = (self.values, self.value_offsets, self.splits, self.members)
        for array in unused:
            if array not in grown.values():
                array.close()
                array.file.unlink()
        packed = {name: array.close() for name, array in grown.items() if array is not None}
        return {**packed, "about": numpy.frombuffer(json.dumps(about).encode(), numpy.uint8)}
