"""A user's own examples, for predictions: tables, lines of JSON, folders of images."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy
import PIL.Image

from datamodules.errors import DataError, MissingData
from datamodules.listing import files_in

Record = dict[str, Any]
COLUMNS = "text (and text2 for pairs)"


def read_records(path: str | Path) -> list[Record]:
    """Reads records with `name`, and `text`, `text2` or `image` (height, width) uint8.

    Args:
        path: A .tsv file with a header, a .jsonl file with an object per line, or a folder of .png files.

    Raises:
        DataError: If there is nothing to read, or a row cannot be read; names the row.
    """
    path = Path(path)
    if path.is_dir():
        records = [{"name": file.name, "image": _image(file)} for file in files_in(path, "*.png")]
    elif not path.is_file():
        raise MissingData(f"--inputs {path}: no such file or folder; give a .tsv, a .jsonl, or a folder of .png files")
    elif path.suffix == ".tsv":
        records = _table(path)
    elif path.suffix in (".jsonl", ".json"):
        records = _lines(path)
    else:
        raise DataError(
            f"--inputs {path}: {path.suffix or 'no ending'}; give a .tsv, a .jsonl, or a folder of .png files"
        )
    if not records:
        raise DataError(f"--inputs {path}: no examples in it")
    return records


def _table(path: Path) -> list[Record]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        header = next(rows, [])
        if "text" not in header:
            raise DataError(f"--inputs {path}: the first line must name the columns, {COLUMNS}; it is {header}")
        records: list[Record] = []
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise DataError(f"--inputs {path}, line {number}: {len(row)} columns instead of {len(header)}")
            records.append({"name": str(number - 1), **dict(zip(header, row, strict=True))})
    return records


def _lines(path: Path) -> list[Record]:
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"--inputs {path}, line {number}: not JSON ({error.msg})") from error
        if not isinstance(record, dict) or not isinstance(record.get("text"), str):
            raise DataError(f"--inputs {path}, line {number}: expected an object with {COLUMNS}")
        records.append({"name": str(number), **record})
    return records


def _image(file: Path) -> numpy.ndarray:
    try:
        with PIL.Image.open(file) as picture:
            return numpy.asarray(picture.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{file}: not an image ({error})") from error
