"""Which data these are: marks of files that stay the same when the files are moved, and change when they do."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from datamodules.bars import bar
from datamodules.listing import files_below

MANY = 10_000
"""Files from which on reading them shows a progress bar."""


def stamp(sources: Iterable[Path]) -> str:
    """A hash of the names, sizes and times of change of files, and of all files below folders; reads none of them."""
    digest = hashlib.blake2b(digest_size=16)
    for name, file in _named(sources):
        stat = file.stat()
        digest.update(b"%s\0%d\0%d\0" % (os.fsencode(name), stat.st_size, stat.st_mtime_ns))
    return digest.hexdigest()


def fingerprint(sources: Iterable[Path]) -> str:
    """A hash of the names and contents of files, and of all files below folders: the same for every copy of them."""
    digest, files = hashlib.blake2b(digest_size=16), list(_named(sources))
    for name, file in bar(files, desc="fingerprint", unit=" files", disable=len(files) < MANY):
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        digest.update(b"%s\0%s" % (os.fsencode(name), content))
    return digest.hexdigest()


def combined(marks: Iterable[str]) -> str:
    """A hash of hashes."""
    return hashlib.blake2b(" ".join(marks).encode(), digest_size=16).hexdigest()


def remembered(sources: Iterable[Path], memory: Path) -> str:
    """The `fingerprint` of files, which are read only if their `stamp` is new.

    Args:
        sources: Files and folders.
        memory: A JSON file that holds fingerprints by their stamps. It is added to, if that is possible.
    """
    sources = list(sources)
    mark = stamp(sources)
    known = _read(memory)
    if mark not in known:
        known[mark] = fingerprint(sources)
        with suppress(OSError):  # on a mount that is read-only the files are read each time
            _write(memory, _read(memory) | known)
    return known[mark]


def _named(sources: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    for source in sources:
        above = len(source.parts)
        for file in files_below(source) if source.is_dir() else [source]:
            below = "/".join(file.parts[above:])  # sooner than by `relative_to`
            yield f"{source.name}/{below or '.'}", file


def _read(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(memory: Path, known: dict[str, str]) -> None:
    """Replaces the file as a whole, because other processes may be reading it."""
    memory.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=memory.name, dir=memory.parent)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(known, file, indent=2)
        os.chmod(name, 0o644)
        os.replace(name, memory)
    except OSError:
        os.unlink(name)
        raise
