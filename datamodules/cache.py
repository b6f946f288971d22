"""Packed arrays on disk: built once, opened as memory maps, trusted only when complete."""

import hashlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy

Arrays = Mapping[str, numpy.ndarray]


def cached(folder: str | Path, key: Mapping[str, Any], build: Callable[[], Arrays]) -> dict[str, numpy.ndarray]:
    """Opens the arrays that `build` makes, from `folder` if they are there already.

    Args:
        folder: Where caches are kept.
        key: All that the arrays depend on, as plain data; its hash names the entry.
        build: Makes the arrays.

    Returns:
        The arrays as read-only memory maps. A damaged entry is rebuilt with a warning. Nothing partial is ever opened:
        an entry is written under another name and renamed when complete.
    """
    text = json.dumps(dict(key), sort_keys=True)
    entry = Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:16]
    if entry.exists():
        try:
            return _open(entry)
        except (OSError, ValueError, KeyError) as error:
            warnings.warn(f"the cache {entry} is damaged ({error}); building it again", stacklevel=2)
            shutil.rmtree(entry)
    entry.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", dir=entry.parent))
    try:
        arrays = build()
        for name, array in arrays.items():
            numpy.save(partial / f"{name}.npy", array)
        sizes = {name: (partial / f"{name}.npy").stat().st_size for name in arrays}
        (partial / "entry.json").write_text(json.dumps({"key": json.loads(text), "sizes": sizes}, indent=2))
        try:
            partial.rename(entry)
        except OSError:  # another process was faster
            if not entry.exists():
                raise
        return _open(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _open(entry: Path) -> dict[str, numpy.ndarray]:
    sizes: dict[str, int] = json.loads((entry / "entry.json").read_text())["sizes"]
    arrays = {}
    for name, size in sizes.items():
        file = entry / f"{name}.npy"
        if file.stat().st_size != size:
            raise ValueError(f"{file.name} has {file.stat().st_size} bytes instead of {size}")
        arrays[name] = numpy.load(file, mmap_mode="r")
    return arrays
