"""Packed arrays on disk: built once, opened as memory maps, trusted only when complete."""

import hashlib
import json
import shutil
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy

from datamodules.errors import DataError

STALE = 7 * 24 * 3600
"""Seconds after which an entry that is still being built is taken for abandoned."""

Arrays = Mapping[str, numpy.ndarray]


class GrowingArray:
    """A one-dimensional .npy file that is written piece by piece, because the data may not fit into memory.

    Args:
        file: The file; must be below the folder that `build` of `cached` is given.
        dtype: Type of the numbers.
    """

    def __init__(self, file: Path, dtype: type[numpy.generic]) -> None:
        self.file, self.dtype, self.length = file, numpy.dtype(dtype), 0
        self._stream = file.open("wb")
        self._write_header()

    def append(self, array: numpy.ndarray | bytes) -> None:
        """Adds numbers at the end."""
        data = numpy.frombuffer(array, self.dtype) if isinstance(array, bytes) else array.astype(self.dtype)
        self._stream.write(data.tobytes())
        self.length += len(data)

    def close(self) -> numpy.memmap:
        """Finishes the file and opens it."""
        self._stream.seek(0)
        self._write_header()
        self._stream.close()
        return numpy.load(self.file, mmap_mode="r")

    def _write_header(self) -> None:
        # numpy leaves room in the header for a first axis that grows, so its size stays the same.
        described = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length,)}
        numpy.lib.format.write_array_header_1_0(self._stream, described)


def cached(
    folder: str | Path, key: Mapping[str, Any], build: Callable[[Path], Arrays], flag: str | None = None
) -> dict[str, numpy.ndarray]:
    """Opens the arrays that `build` makes, from `folder` if they are there already.

    Args:
        folder: Where caches are kept.
        key: All that the arrays depend on, as plain data. Its hash names the entry.
        build: Makes the arrays. It is given the folder in which the entry is built. There it may lay large arrays as
            memory maps named `{name}.npy`, and nothing else.
        flag: The argument that gave the folder, for messages; None: it lies below data.root.

    Returns:
        The arrays as read-only memory maps. A damaged entry is rebuilt with a warning. Nothing partial is ever opened:
        an entry is written under another name and renamed when complete.

    Raises:
        DataError: If the entry cannot be written, such as for want of room or of the right to.
    """
    text = json.dumps(dict(key), sort_keys=True)
    entry = entry_of(folder, key)
    if entry.exists():
        try:
            return _open(entry, text)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            warnings.warn(f"the cache {entry} is damaged ({error}); building it again", stacklevel=2)
    try:
        return _build(entry, text, build)
    except DataError:
        raise
    except OSError as error:
        elsewhere = "let data.root be a folder of your own with links to the files"
        if flag:
            elsewhere = f"let {flag} be a folder of your own"
        raise DataError(f"cannot build the cache {entry} ({error}); make room, or {elsewhere}") from error


def entry_of(folder: str | Path, key: Mapping[str, Any]) -> Path:
    """Where the arrays with this key are kept."""
    text = json.dumps(dict(key), sort_keys=True)
    return Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:16]


def _build(entry: Path, text: str, build: Callable[[Path], Arrays]) -> dict[str, numpy.ndarray]:
    if entry.exists():  # damaged; another process may be removing it, too
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    entry.parent.mkdir(parents=True, exist_ok=True)
    for left in entry.parent.glob(f"{entry.name}.*"):  # by a process that was killed
        if time.time() - left.stat().st_mtime > STALE:
            shutil.rmtree(left, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", dir=entry.parent))
    try:
        arrays = build(partial)
        for name, array in arrays.items():
            file = partial / f"{name}.npy"
            if not file.exists():
                numpy.save(file, array)
            elif isinstance(array, numpy.memmap):
                array.flush()
        marks = {name: _mark(partial / f"{name}.npy") for name in arrays}
        (partial / "entry.json").write_text(json.dumps({"key": json.loads(text), "files": marks}, indent=2))
        partial.chmod(0o755)  # mkdtemp keeps others out, but data folders are shared
        try:
            partial.rename(entry)
        except OSError:  # another process was faster
            if not entry.exists():
                raise
        return _open(entry, text)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _open(entry: Path, key: str) -> dict[str, numpy.ndarray]:
    description = json.loads((entry / "entry.json").read_text())
    if json.dumps(description["key"], sort_keys=True) != key:
        raise ValueError("it belongs to other data")
    arrays = {}
    for name, mark in description["files"].items():
        file = entry / f"{name}.npy"
        if _mark(file) != mark:
            raise ValueError(f"{file.name} has changed")
        arrays[name] = numpy.load(file, mmap_mode="r")
    return arrays


def _mark(file: Path, edge: int = 1 << 20) -> list[int]:
    """The size of a file, and checksums of its first and last megabyte.

    They cost little, and they differ for a file that was cut off or mixed up with another.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        first = zlib.crc32(stream.read(edge))
        stream.seek(max(0, size - edge))
        return [size, first, zlib.crc32(stream.read(edge))]
