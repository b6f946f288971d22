"""NumPy files: .npz with an array per column, read piece by piece."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy

from datamodules.errors import DataError
from datamodules.files.rows import Row, Table

PIECE = 1 << 22
"""Bytes that are read of an array at a time."""


class Arrays(Table):
    """A .npz file with an array per column, all with a row per example.

    A column of sequences is (examples, length), or (examples, length, channels). All its rows are equally long, except
    for rows of real numbers that end with NaN, which is cut off.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            with zipfile.ZipFile(path) as archive:
                self._shapes = {}
                for name in archive.namelist():
                    with archive.open(name) as stream:
                        self._shapes[name.removesuffix(".npy")] = _read_header(stream)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: not a .npz file ({error}); write one with numpy.savez") from error

    def columns(self) -> list[str]:
        """See `Table.columns`."""
        return list(self._shapes)

    @property
    def kind(self) -> str:
        """See `Table.kind`; told by the array with most axes."""
        _, dtype = max(self._shapes.values(), key=lambda each: len(each[0]), default=((), numpy.dtype("U")))
        return {"f": "numbers", "i": "integers", "u": "integers"}.get(dtype.kind, "bytes")

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """See `Table.rows`."""
        counts = {name: self._shapes[name][0][0] if self._shapes[name][0] else 0 for name in wanted}
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{name} {count}" for name, count in counts.items())
            self.fail("", f"the arrays have different numbers of rows ({said})")
        with zipfile.ZipFile(self.path) as archive:
            streams = [self._values(archive, name) for name in wanted]
            for count, values in enumerate(zip(*streams, strict=True), start=1):
                yield Row(f"row {count}", dict(zip(wanted, values, strict=True)))

    def _values(self, archive: zipfile.ZipFile, name: str) -> Iterator[Any]:
        """The rows of an array, as they are read."""
        shape, dtype = self._shapes[name]
        if dtype.kind == "O":
            self.fail(
                "", "an array of Python objects, which could run code; pad the rows with NaN, or give Parquet", name
            )
        size = int(numpy.prod(shape[1:])) * dtype.itemsize
        together = max(1, PIECE // max(1, size))
        with archive.open(f"{name}.npy") as stream:
            _read_header(stream)
            for start in range(0, shape[0], together):
                number = min(together, shape[0] - start)
                data = stream.read(number * size)
                if len(data) < number * size:
                    self.fail(f"row {start + len(data) // size + 1}", "the file ends in the middle of the array", name)
                piece = numpy.frombuffer(data, dtype).reshape(number, *shape[1:])
                for row in piece:
                    yield row.item() if row.ndim == 0 else _without_nan_at_the_end(row)


def _without_nan_at_the_end(row: numpy.ndarray) -> numpy.ndarray:
    if row.dtype.kind != "f":
        return row
    filled = numpy.flatnonzero(~numpy.isnan(row.reshape(len(row), -1)).all(1))
    return row[: filled[-1] + 1 if len(filled) else 0]


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], numpy.dtype]:
    """The shape and type of an array of a .npz file; its numbers follow in the stream."""
    version = numpy.lib.format.read_magic(stream)
    read = {
        (1, 0): numpy.lib.format.read_array_header_1_0,
        (2, 0): numpy.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"format {version} of .npy is not known")
    shape, fortran, dtype = read(stream)
    if fortran and len(shape) > 1:
        raise ValueError("an array in Fortran order; write it with numpy.ascontiguousarray")
    return shape, dtype
