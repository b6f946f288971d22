"""Which files are the user's: one function lists them for every reader."""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch, translate
from pathlib import Path

FOREIGN = ("._*", ".DS_Store", "Thumbs.db", "desktop.ini", ".directory", "__MACOSX")
"""Files and folders that systems and archivers lay beside those of others."""


def files_below(folder: Path, pattern: str = "*") -> list[Path]:
    """The files at every depth below a folder whose names match, sorted; links to files and folders are followed."""
    return sorted(map(Path, _walk(folder, pattern, set())), key=lambda path: path.parts)


def files_in(folder: Path, pattern: str = "*") -> list[Path]:
    """The files in a folder itself whose names match, sorted; links to files are followed."""
    return sorted(path for path in folder.glob(pattern) if not is_foreign(path.name) and path.is_file())


def is_foreign(name: str) -> bool:
    """Whether a file or folder of that name is none of the user's."""
    return _FOREIGN.match(name) is not None


_FOREIGN = re.compile("|".join(map(translate, FOREIGN)), re.IGNORECASE if os.name == "nt" else 0)


def _walk(folder: str | Path, pattern: str, above: set[str]) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in above:  # a link to a folder above would lead round for ever
        return
    with os.scandir(folder) as entries:  # knows what is a folder without asking for each
        for entry in entries:
            if is_foreign(entry.name):
                continue
            linked = entry.is_symlink()  # a link may lead to nothing, or to itself
            if os.path.isdir(entry.path) if linked else entry.is_dir():
                yield from _walk(entry.path, pattern, above | {real})
            elif fnmatch(entry.name, pattern) and (os.path.isfile(entry.path) if linked else entry.is_file()):
                yield entry.path
