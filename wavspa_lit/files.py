"""Files that are whole or not there."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the operating system says of a folder that may only be read, of a full disk, and of a used-up quota."""


@contextmanager
def replacing(path: str | Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Opens a file that takes the place of `path` once the block has ended without an error.

    The content is written beside `path` under another name and renamed at the end. A kill therefore leaves the old file
    or the new one, and an error, such as a full disk, leaves the old file and nothing else. Folders are created.

    Args:
        path: The file.
        mode: Mode of `open`, for writing.
        **options: Further arguments of `open`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open(mode, **options) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def writable(folder: str | Path) -> bool:
    """Whether files can be created in a folder, or in the nearest one above it that exists."""
    path = Path(folder).absolute()
    while not path.exists():
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK, effective_ids=True)


def unwritable(error: BaseException) -> bool:
    """Whether an error says that a file cannot be written here: no right to, a read-only mount, or a full disk."""
    return isinstance(error, OSError) and error.errno in UNWRITABLE
