"""Pathfinder: whether two markers lie on the same dashed line. Path-X and Path-256 are the same at other sizes."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy

from datamodules.augment import turn_or_mirror
from datamodules.bars import bar
from datamodules.base import Split
from datamodules.cache import Arrays
from datamodules.errors import DataError
from datamodules.listing import files_in
from datamodules.lra.pixels import PixelDataModule
from datamodules.packed import Augment
from datamodules.sources.pathfinder import MOST, Settings, generate
from datamodules.sources.pathfinder_release import read_images
from datamodules.workers import start_pool

COLUMNS = 11
LABEL = 3
CHUNK = 1000
"""Images that a process reads at a time."""


class Pathfinder(PixelDataModule):
    """Images of dashed lines; the label is 1 if the two round markers lie on the same line.

    Resolution 32 is Pathfinder, 128 Path-X, 256 Path-256. The files of the release are read in order of their numbers;
    empty images are left out. A shuffle by the seed gives 80 % to training and 10 % each to validation and test, in
    both protocols: the split of the original pipeline depends on hashes and cannot be rebuilt from the files. Generated
    images follow the published algorithm and settings; they are like the released ones, not the same. The augmentation
    turns and mirrors images: one of a square's eight symmetries for each.

    Args:
        resolution: Height and width of the images: 32, 64, 128 or 256.
        difficulty: easy, intermediate or hard: lines of 6, 9 or 14 dashes. graded: of 1 to `dashes`, each number as
            likely, for a training that begins with what is easily seen; only generated.
        num_images: Images that are generated; the release has 200,000.
        dashes: The most that a line of graded images has, 1 to 14.
        **options: See `PixelDataModule` and `ArenaDataModule`.
    """

    expected = "metadata/<number>.npy and imgs/"
    own_generator = True

    def __init__(
        self,
        resolution: Literal[32, 64, 128, 256] = 32,
        difficulty: Literal["easy", "intermediate", "hard", "graded"] = "hard",
        num_images: int = 200_000,
        dashes: int = MOST,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.settings = Settings(resolution, difficulty, self.seed, dashes)
        if num_images < 10:
            raise ValueError(f"data.num_images must be at least 10, got {num_images}")
        self.num_images = num_images

    @property
    def wanted(self) -> str:  # type: ignore[override]
        """The members of the archive that are extracted."""
        return f"lra_release/lra_release/{self.layouts[0]}/"

    @property
    def size(self) -> int:
        """Height and width of an image."""
        return self.settings.resolution

    @property
    def num_classes(self) -> int:
        """Different lines and the same line."""
        return 2

    @property
    def class_names(self) -> tuple[str, ...]:
        """See `SequenceDataModule.class_names`."""
        return ("different", "same")

    @property
    def augmentation(self) -> Augment:
        """See `PixelDataModule.augmentation`."""
        return turn_or_mirror

    @property
    def layouts(self) -> tuple[str, ...]:
        """See `ArenaDataModule.layouts`."""
        inner, kind = f"pathfinder{self.size}", self.settings.folder
        bases = ("", "pathfinder/", "lra_release/lra_release/", "lra_release/")
        return (*(f"{base}{inner}/{kind}" for base in bases), kind)

    def found(self, folder: Path) -> dict[str, Path] | None:
        """See `ArenaDataModule.found`."""
        return {"all": folder} if self.all_there((folder / "metadata", folder / "imgs")) else None

    def contents(self, part: str, files: Path) -> list[Path]:
        """See `OriginDataModule.contents`."""
        return [files / "metadata", files / "imgs"]

    def read_key(self) -> dict[str, Any]:
        """See `ArenaDataModule.read_key`."""
        return {"resolution": self.size}

    def read(self, part: str, files: Path, folder: Path) -> Arrays:
        """See `ArenaDataModule.read`."""
        entries = [entry for metadata in _metadata_files(files) for entry in read_metadata(metadata)]
        paths = [files / entry for entry, _ in entries]
        for path in paths:
            if not path.is_file():
                raise DataError(f"{path}: listed in the metadata, but not there; extract the archive again")
        kept = [index for index, path in enumerate(paths) if path.stat().st_size]
        if not kept:
            raise DataError(f"{files}: no images; extract the archive again")
        labels = numpy.array([entries[index][1] for index in kept], numpy.uint8)
        images = _open_images(folder, len(kept), self.size)
        chunks = [[paths[index] for index in kept[start : start + CHUNK]] for start in range(0, len(kept), CHUNK)]
        loaded = _in_parallel(partial(read_images, self.size), chunks)
        for number, block in enumerate(bar(loaded, desc=files.name, total=len(chunks), unit=f" x {CHUNK} images")):
            images[CHUNK * number :][: len(block)] = block
        return {"images": images, "labels": labels}

    def generated_key(self, part: str) -> dict[str, Any]:
        """See `ArenaDataModule.generated_key`."""
        return {"source": "pathfinder generator", "version": 1, **self.settings.facts, "count": self.num_images}

    def generate(self, part: str, folder: Path) -> Arrays:
        """See `ArenaDataModule.generate`."""
        images, labels, done = _open_images(folder, self.num_images, self.size), [], 0
        for block, classes in generate(self.settings, self.num_images, workers=os.cpu_count() or 1):
            images[done : done + len(block)] = block
            labels.append(classes)
            done += len(block)
        return {"images": images, "labels": numpy.concatenate(labels)}

    def part(self, split: Split, *, generated: bool) -> tuple[str, numpy.ndarray | None]:
        """See `ArenaDataModule.part`."""
        count = self.num_images if generated else len(self.arrays("all", self.files())["labels"])
        order = numpy.random.default_rng(self.seed).permutation(count)
        first, second = count * 8 // 10, count * 9 // 10
        return "all", {"train": order[:first], "val": order[first:second], "test": order[second:]}[split]


def _open_images(folder: Path, count: int, size: int) -> numpy.memmap:
    images = numpy.lib.format.open_memmap(folder / "images.npy", "w+", numpy.uint8, (count, size, size))
    if hasattr(os, "posix_fallocate"):  # a full disk is an error now; later it would kill the process
        with (folder / "images.npy").open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, images.offset + images.nbytes)
    return images


def _in_parallel(read: Callable[[list[Path]], numpy.ndarray], chunks: list[list[Path]]) -> Iterator[numpy.ndarray]:
    """What `read` makes of each chunk, in order; one chunk is not worth the start of another process."""
    if len(chunks) == 1:
        yield read(chunks[0])
        return
    with start_pool(min(os.cpu_count() or 1, len(chunks))) as pool:
        yield from pool.map(read, chunks)


def _metadata_files(folder: Path) -> list[Path]:
    files = [file for file in files_in(folder / "metadata", "*.npy") if file.stem.isdigit()]
    if not files:
        raise DataError(f"{folder / 'metadata'}: no <number>.npy; extract the archive again")
    return sorted(files, key=lambda file: int(file.stem))


def read_metadata(file: Path) -> list[tuple[str, int]]:
    """Paths and labels of the images that a metadata file lists.

    The released files are text despite their name, a line per image; the generator's own are arrays of strings.

    Raises:
        DataError: For a row that is not an image with its label; names file and row.
    """
    content = file.read_bytes()
    if content.startswith(b"\x93NUMPY"):
        try:
            rows = [[str(value) for value in row] for row in numpy.load(file, allow_pickle=False)]
        except (ValueError, TypeError, EOFError) as error:
            raise DataError(f"{file}: not an array of strings ({error}); extract the archive again") from error
    else:
        rows = [line.split() for line in content.decode(errors="replace").splitlines() if line.strip()]
    entries = []
    for number, row in enumerate(rows, start=1):
        if len(row) != COLUMNS:
            raise DataError(f"{file}, line {number}: {len(row)} columns instead of {COLUMNS}")
        if row[LABEL] not in ("0", "1"):
            raise DataError(f"{file}, line {number}: the label must be 0 or 1, got {row[LABEL]!r}")
        if ".." in Path(row[0]).parts or Path(row[0]).is_absolute() or Path(row[1]).name != row[1]:
            raise DataError(f"{file}, line {number}: {row[0]}/{row[1]} lies outside the folder")
        entries.append((f"{row[0]}/{row[1]}", int(row[LABEL])))
    return entries
