"""Tables as text: .csv, .tsv and JSON lines, read row by row.

Python's own readers are used rather than those of pyarrow, because these tell the line of every row, take fields of any
size and rows of mixed types, and need nothing installed.
"""

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from datamodules.errors import DataError
from datamodules.files.rows import Row, Table, ending_of, open_binary, shown

LONGEST_FIELD = 1 << 28
"""Characters of a field. Beyond that a quote is taken for one that is never closed, before memory runs out."""
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Separated(Table):
    """A .csv file, whose fields may be quoted and then hold commas and line ends; otherwise tabs separate columns.

    Text is UTF-8, or UTF-16 with a byte-order mark. In a file separated by tabs, quotes are ordinary characters.

    Args:
        path: The file; .csv or another ending, perhaps with .gz.
        names: Names of the columns. If empty, the first line holds them.
        delimiter: What separates columns. If None, a comma in a .csv file, a tab in others.
    """

    def __init__(self, path: Path, names: Sequence[str] = (), delimiter: str | None = None) -> None:
        super().__init__(path)
        self.names, self.quoted = list(names), ending_of(path) == ".csv"
        self.delimiter = delimiter or ("," if self.quoted else "\t")

    def columns(self) -> list[str]:
        """See `Table.columns`."""
        if self.names:
            return self.names
        for _, row in self._records():
            return [name.strip() for name in row]
        self.fail("row 1", "the file is empty; its first line must name the columns")

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """See `Table.rows`."""
        header = self.columns()
        places = [(name, header.index(name)) for name in wanted]
        records = self._records()
        if not self.names:
            next(records)
        for count, (line, row) in enumerate(records, start=1):
            where = f"row {count} (line {line})"
            if len(row) != len(header):
                self.fail(where, f"{len(row)} columns instead of {len(header)}; {self._hint(row, header)}")
            yield Row(where, {name: row[place] for name, place in places})

    def _hint(self, row: list[str], header: list[str]) -> str:
        said = f"data.delimiter {self.delimiter!r}"
        if len(row) < len(header):
            return f"a {said} is missing, or the row ends in the middle"
        return f"put fields that hold a {said} in quotes" if self.quoted else f"a field holds a {said}"

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """The line on which each record begins, and its fields; blank lines are passed over."""
        lines = decoded_lines(self.path)
        if not self.quoted:
            for number, line in enumerate(lines, start=1):
                if stripped := line.rstrip("\r\n"):
                    yield number, stripped.split(self.delimiter)
            return
        csv.field_size_limit(LONGEST_FIELD)
        reader, begun, count = csv.reader(lines, delimiter=self.delimiter, strict=True), 1, 0 if self.names else -1
        try:
            for record in reader:
                if record:
                    count += 1
                    yield begun, record
                begun = reader.line_num + 1
        except csv.Error as error:
            reason = str(error)
            if "unexpected end" in reason or "field limit" in reason:
                reason = "a quote is opened here and never closed"
            elif "new-line character" in reason:
                reason = "a carriage return without a line feed; tr '\\r' '\\n' makes line ends of them"
            self.fail(f"row {max(1, count + 1)} (line {begun})", f"not a row of a .csv file: {reason}")


class JsonLines(Table):
    """A file with a JSON object per line; blank lines are passed over."""

    def columns(self) -> list[str]:
        """See `Table.columns`; those of the first object."""
        for _, values in self._objects():
            return list(values)
        self.fail("row 1", "the file is empty; give a JSON object per line")

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """See `Table.rows`."""
        for count, (line, values) in enumerate(self._objects(), start=1):
            where = f"row {count} (line {line})"
            for name in wanted:
                if name not in values:
                    self.fail(where, f"missing; the row has {', '.join(values) or 'nothing'}", name)
            yield Row(where, values)

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in enumerate(decoded_lines(self.path), start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                hint = " (for a JSON array: jq -c '.[]' turns it into lines)" if line.lstrip().startswith("[") else ""
                self.fail(f"line {number}", f"not JSON: {error}{hint}")
            if not isinstance(values, dict):
                self.fail(f"line {number}", f"expected a JSON object, got {shown(values)}; jq -c '.[]' splits an array")
            yield number, values


def decoded_lines(path: Path) -> Iterator[str]:
    """The lines of a file with their ends, as they are read.

    Bytes that are not UTF-8 become lone surrogates, as `surrogateescape` has it. So the rows can be told apart first,
    and the error can name the row and the column.
    """
    try:
        yield from _decoded_lines(path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: not a whole file of gzip ({error}); get it again") from error


def _decoded_lines(path: Path) -> Iterator[str]:
    with open_binary(path) as stream:
        start = stream.read(3)
        stream.seek(0)
        if start.startswith(WIDE):
            try:
                yield from io.TextIOWrapper(stream, "utf-16", newline="\n")
            except UnicodeError as error:
                raise DataError(f"{path}: not UTF-16, as its byte-order mark says ({error})") from error
            return
        if start == codecs.BOM_UTF8:
            stream.seek(3)
        for line in stream:
            yield line.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """UTF-8 of a text.

    Raises:
        ValueError: If it holds bytes that were not UTF-8, or one half of a surrogate pair.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        if 0xDC80 <= code <= 0xDCFF:
            raise ValueError(
                f"byte 0x{code - 0xDC00:02x} is not UTF-8; save the file as UTF-8 (from Latin-1: iconv -f latin1 -t "
                "utf-8)"
            ) from None
        raise ValueError(
            f"\\u{code:04x} is one half of a surrogate pair, which is no character; write both halves"
        ) from None
