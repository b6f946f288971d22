"""Which files are the user's: one function lists them for every reader."""

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

FOREIGN = ("._*", ".DS_Store", "Thumbs.db", "desktop.ini", ".directory", "__MACOSX")
"""Files and folders that systems and archivers lay beside those of others."""


def files_below(folder: Path, pattern: str = "*") -> list[Path]:
    """The files at every depth below a folder whose names match, sorted; links to files and folders are followed."""
    return sorted(_walk(folder, pattern, set()))


def files_in(folder: Path, pattern: str = "*") -> list[Path]:
    """The files in a folder itself whose names match, sorted; links to files are followed."""
    return sorted(path for path in folder.glob(pattern) if not is_foreign(path.name) and path.is_file())


def is_foreign(name: str) -> bool:
    """Whether a file or folder of that name is none of the user's."""
    return any(fnmatch(name, pattern) for pattern in FOREIGN)


def _walk(folder: Path, pattern: str, above: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:  # a link to a folder above would lead round for ever
        return
    for path in folder.iterdir():
        if is_foreign(path.name):
            continue
        if path.is_dir():
            yield from _walk(path, pattern, above | {real})
        elif path.is_file() and fnmatch(path.name, pattern):
            yield path
