"""A user's own examples, for predictions: tables, lines of JSON, texts, images."""

import codecs
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datamodules.errors import DataError, check_file
from datamodules.listing import files_in
from datamodules.pictures import read_grey

Record = dict[str, Any]
FORMATS = ".csv, .tsv or .jsonl, or a .txt or .png file or a folder of them"
COLUMNS = ("name", "text", "text2")
LONGEST_FIELD = 2**31 - 1
"""Characters of a field of a .csv file; Python's own limit of 128 KiB is shorter than many documents."""


def read_records(path: str | Path) -> list[Record]:
    """Reads records with `name`, `where` it stands, and `text`, `text2` or `image` (height, width) uint8.

    Text is UTF-8, with or without a byte-order mark, or UTF-16 with one. Lines end with a line feed, or with a carriage
    return and a line feed. Blank lines at the end of a file are passed over.

    Args:
        path: A .csv or .tsv file with a header, a .jsonl file with an object per line, a .txt file, a .png file, or a
            folder of .txt or of .png files.

    Raises:
        DataError: If there is nothing to read, or a row cannot be read; names the file and the row.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    check_file(path, "--inputs", f"a {FORMATS}")
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise DataError(f"--inputs {path}: {path.suffix or 'no ending'}; give a {FORMATS}")
    records = list(read(path))
    if not records:
        raise DataError(f"--inputs {path}: no examples in it")
    return records


def _folder(folder: Path) -> list[Record]:
    found = {kind: [file for file in files_in(folder) if file.suffix.lower() == kind] for kind in (".png", ".txt")}
    kinds = [kind for kind, files in found.items() if files]
    if len(kinds) != 1:
        what = "both .png and .txt files" if kinds else "neither .png nor .txt files"
        raise DataError(
            f"--inputs {folder}: {what} in it, no examples can be told from that; give a folder of one kind"
        )
    return [record for file in found[kinds[0]] for record in READERS[kinds[0]](file)]


def _separated(path: Path) -> Iterator[Record]:
    """The rows of a .csv file: fields may be quoted, and then hold commas and line ends."""
    csv.field_size_limit(LONGEST_FIELD)
    rows = csv.reader(_lines(path, keepends=True), strict=True)
    try:
        yield from _rows(path, ((rows.line_num, row) for row in rows))
    except csv.Error as error:
        raise DataError(f"--inputs {path}, line {rows.line_num}: not a row of a .csv file ({error})") from error


def _tabbed(path: Path) -> Iterator[Record]:
    """The rows of a .tsv file: quotes are ordinary characters."""
    return _rows(path, ((number, line.split("\t")) for number, line in enumerate(_lines(path), start=1)))


def _rows(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Iterator[Record]:
    """Records of numbered rows, the first of which names the columns."""
    header = [name.strip() for name in next(rows, (1, []))[1]]
    if "text" not in header:
        raise DataError(
            f"--inputs {path}: the first line must name the columns, text (and text2 for pairs); it is {header}"
        )
    for count, (line, row) in enumerate(rows, start=1):
        if len(row) != len(header):
            raise DataError(f"--inputs {path}, line {line}: {len(row)} columns instead of {len(header)}")
        yield _record(path, line, count, dict(zip(header, row, strict=True)))


def _objects(path: Path) -> Iterator[Record]:
    """The objects of a file of JSON lines."""
    count = 0
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        count += 1
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"--inputs {path}, line {number}: not JSON ({error})") from error
        if not isinstance(record, dict):
            raise DataError(f"--inputs {path}, line {number}: expected an object with text (and text2 for pairs)")
        yield _record(path, number, count, record)


def _record(path: Path, line: int, count: int, values: Record) -> Record:
    """An example of a table; its name is its number, unless it has one of its own."""
    given = {name: values[name] for name in COLUMNS if values.get(name) not in (None, "")}
    for name, value in given.items():
        if name != "name" and not isinstance(value, str):
            raise DataError(f"--inputs {path}, line {line}: {name} must be a text, got {str(value)[:40]!r}")
        try:
            str(value).encode()
        except UnicodeEncodeError as error:
            lone = f"\\u{ord(str(value)[error.start]):04x}"
            raise DataError(
                f"--inputs {path}, line {line}: {name} holds {lone}, one half of a surrogate pair, which is no "
                "character; write both halves"
            ) from error
    return {**given, "name": str(given.get("name", count)), "where": f"line {line}"}


def _text(path: Path) -> Iterator[Record]:
    yield {"name": path.name, "where": path.name, "text": _decoded(path)}


def _picture(path: Path) -> Iterator[Record]:
    yield {"name": path.name, "where": path.name, "image": read_grey(path)}


def _lines(path: Path, *, keepends: bool = False) -> list[str]:
    """The lines of a file without blank ones at its end.

    Lines end at a line feed, or at a carriage return and a line feed. `splitlines` is not used, because it also ends
    lines at characters that texts may hold.
    """
    text = _decoded(path).rstrip("\r\n")
    if keepends:
        return [f"{line}\n" for line in text.split("\n")] if text else []
    return [line.removesuffix("\r") for line in text.split("\n")] if text else []


def _decoded(path: Path) -> str:
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if wide else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].decode(encoding, errors="ignore").count("\n") + 1
        expected = "UTF-16, as its byte-order mark says" if wide else "UTF-8"
        raise DataError(
            f"--inputs {path}, line {line}: byte 0x{error.object[error.start]:02x} is not {expected}; save the file "
            "as UTF-8 (from Latin-1: iconv -f latin1 -t utf-8)"
        ) from error


READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".csv": _separated,
    ".tsv": _tabbed,
    ".jsonl": _objects,
    ".json": _objects,
    ".txt": _text,
    ".png": _picture,
}
