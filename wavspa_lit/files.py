"""Files that are whole or not there."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOTDIR}
"""What the operating system says of a folder that may only be read, of a full disk, a used-up quota, and a file in the
place of a folder."""


@contextmanager
def replacing(path: str | Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Opens a file that takes the place of `path` once the block has ended without an error.

    The content is written beside `path` under another name and renamed at the end. A kill therefore leaves the old file
    or the new one, and an error, such as a full disk, leaves the old file and nothing else. The error then names
    `path`, because those of writing name no file. Folders are created.

    Args:
        path: The file.
        mode: Mode of `open`, for writing.
        **options: Further arguments of `open`.
    """
    path = Path(path)
    make_folder(path.parent)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open(mode, **options) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if cause := _unwritable_below(error):
            raise OSError(cause.errno, cause.strerror, str(path)) from error
        raise


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it; NotADirectoryError if a file lies in the place of one of them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from error


def writable(folder: str | Path) -> bool:
    """Whether files can be written in a folder, or in the nearest one above it that exists; a full disk says no."""
    path = Path(folder).absolute()
    while not path.exists():
        path = path.parent
    try:
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(bytes(2**16))  # as much as the first files of a run
        return True
    except OSError:
        return False


def unwritable(error: BaseException) -> bool:
    """Whether an error says that a file cannot be written here: no right to, a read-only mount, or a full disk."""
    return isinstance(error, OSError) and error.errno in UNWRITABLE


def _unwritable_below(error: BaseException | None) -> OSError | None:
    """The error of the operating system that led to this one; torch.save makes a RuntimeError of it."""
    while error and not unwritable(error):
        error = error.__context__ if isinstance(error, Exception) else None
    return cast("OSError | None", error)


def name(error: BaseException, path: str | Path) -> None:
    """Lets an error of the operating system that names no file name this one."""
    if isinstance(error, OSError) and error.filename is None:
        error.filename = str(path)


def cannot_write(error: OSError) -> str:
    """A line for an error that is `unwritable`: the file, what is wrong, and what to do."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    remedy = "make room there, or choose another place" if full else "choose another place"
    return f"cannot write {error.filename or 'a file'}: {error.strerror}; {remedy} (--run, --output)"
