"""Pathfinder images as in the release: PNG files in folders, and a metadata file per folder."""

import json
from functools import partial
from pathlib import Path

import numpy
import PIL.Image

from datamodules.bars import bar
from datamodules.errors import DataError
from datamodules.pictures import read_grey
from datamodules.sources.pathfinder import SHARD, SIZES, Settings, distractor, draw
from datamodules.workers import start_pool

MARK = "generated.json"
"""A file that the release does not have, and folders that were written here do."""


def write(settings: Settings, folder: Path, count: int, workers: int = 1) -> None:
    """Writes the first `count` images below a folder, except for those that an interrupted run has finished.

    Raises:
        DataError: If the folder holds other images, or cannot be written.
    """
    try:
        _write(settings, folder, count, workers)
    except OSError as error:
        raise DataError(
            f"cannot write below {folder} ({error.strerror}); make room there, or use another data.root. What is "
            "finished is not drawn again"
        ) from error


def _write(settings: Settings, folder: Path, count: int, workers: int) -> None:
    mark = json.dumps(settings.facts)
    file = folder / MARK
    if folder.exists() and any(folder.iterdir()) and (not file.is_file() or file.read_text() != mark):
        raise DataError(f"{folder} holds other images; move it away, or use another data.root")
    (folder / "metadata").mkdir(parents=True, exist_ok=True)
    file.write_text(mark)
    starts = range(0, count, SHARD)
    shards = [(number, start, min(start + SHARD, count)) for number, start in enumerate(starts)]
    missing = [shard for shard in shards if not _complete(folder, *shard)]
    with bar(total=count, initial=SHARD * (len(shards) - len(missing)), desc=str(folder), unit=" images") as progress:
        work = partial(_write_shard, settings, folder)
        if workers <= 1 or len(missing) <= 1:
            for shard in missing:
                progress.update(work(shard))
            return
        with start_pool(min(workers, len(missing))) as pool:
            for written in pool.map(work, missing):
                progress.update(written)


def _complete(folder: Path, number: int, start: int, stop: int) -> bool:
    metadata = folder / "metadata" / f"{number}.npy"
    return metadata.is_file() and len(metadata.read_text().splitlines()) == stop - start


def _write_shard(settings: Settings, folder: Path, shard: tuple[int, int, int]) -> int:
    number, start, stop = shard
    images = folder / "imgs" / str(number)
    images.mkdir(parents=True, exist_ok=True)
    size, lines = SIZES[settings.resolution], []
    for index in range(start, stop):
        image, label, margin, dashes = draw(settings, index)
        name = f"sample_{index - start}.png"
        PIL.Image.fromarray(image).save(images / name)
        columns = (f"imgs/{number}", name, index - start, label, size.continuity, dashes, distractor(dashes), size.dash)
        lines.append(" ".join(map(str, (*columns, size.thickness, margin, 1))))
    metadata = folder / "metadata" / f"{number}.npy"
    partial_file = metadata.with_suffix(".partial")
    partial_file.write_text("\n".join(lines) + "\n")
    partial_file.rename(metadata)  # last, so that a folder with metadata is complete
    return stop - start


def read_images(size: int, paths: list[Path]) -> numpy.ndarray:
    """Reads square images, (count, size, size) uint8.

    Raises:
        DataError: If a file is not an image of that size; names it.
    """
    images = numpy.empty((len(paths), size, size), numpy.uint8)
    for image, path in zip(images, paths, strict=True):
        try:
            pixels = read_grey(path)
        except DataError as error:
            raise DataError(f"{error}; extract the archive again") from error
        if pixels.shape != image.shape:
            raise DataError(f"{path}: {pixels.shape[1]} x {pixels.shape[0]} pixels instead of {size} x {size}")
        image[:] = pixels
    return images
