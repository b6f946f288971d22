"""Image: CIFAR-10 in shades of grey, pixel by pixel."""

import pickle
from pathlib import Path
from typing import Any

import numpy

from datamodules.augment import flip_and_shift
from datamodules.base import Split
from datamodules.cache import Arrays
from datamodules.errors import DataError
from datamodules.lra.pixels import PixelDataModule
from datamodules.packed import Augment, holdout
from datamodules.sources import synthetic
from datamodules.sources.archives import Archive

TRAIN, TEST = tuple(f"data_batch_{number}" for number in range(1, 6)), ("test_batch",)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 3 * 32 * 32


class Image(PixelDataModule):
    """Grayscale CIFAR-10 (Krizhevsky 2009) as sequences of 1024 pixels: 45,000 / 5,000 / 10,000 images of 10 classes.

    The protocol lra validates on the last 5,000 training images, as the original pipeline does; holdout on a random
    tenth of every class. Grey levels follow the original pipeline (floor of 255.5 times the luma 0.2989 R + 0.5870 G +
    0.1140 B). The augmentation mirrors images left to right and shifts them by up to 4 pixels.

    Args:
        **options: See `PixelDataModule` and `ArenaDataModule`.
    """

    archive = Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "170 MB",
        "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    )
    wanted = "cifar-10-batches-bin/"
    expected = "data_batch_1 to data_batch_5 and test_batch (Python or binary version)"
    layouts = (
        "cifar-10-batches-py",
        "cifar-10-batches-bin",
        ".",
        "cifar10/cifar-10-batches-py",
        "cifar10/cifar-10-batches-bin",
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)

    @property
    def size(self) -> int:
        """Height and width of an image."""
        return 32

    @property
    def num_classes(self) -> int:
        """The ten classes, in the order of CIFAR-10."""
        return 10

    @property
    def class_names(self) -> tuple[str, ...]:
        """See `SequenceDataModule.class_names`."""
        return CLASSES

    @property
    def augmentation(self) -> Augment:
        """See `PixelDataModule.augmentation`."""
        return flip_and_shift

    def found(self, folder: Path) -> dict[str, Path] | None:
        """See `ArenaDataModule.found`."""
        for suffix in ("", ".bin"):
            if self.all_there([folder / f"{name}{suffix}" for name in TRAIN + TEST]):
                return {"train": folder, "test": folder}
        return None

    def contents(self, part: str, files: Path) -> list[Path]:
        """See `OriginDataModule.contents`."""
        named = [files / name for name in (TRAIN if part == "train" else TEST)]
        return [file if file.is_file() else file.with_name(f"{file.name}.bin") for file in named]

    def read(self, part: str, files: Path, folder: Path) -> Arrays:
        """See `ArenaDataModule.read`."""
        batches = [_read_batch(files, name) for name in (TRAIN if part == "train" else TEST)]
        images, labels = (numpy.concatenate(arrays) for arrays in zip(*batches, strict=True))
        if labels.max() > 9:
            raise DataError(f"{files}, image {int(labels.argmax())} of {part}: label {labels.max()} is not below 10")
        return {"images": grey(images), "labels": labels}

    def generated_key(self, part: str) -> dict[str, Any]:
        """See `ArenaDataModule.generated_key`."""
        return {"source": "synthetic images", "version": 1, "part": part, "seed": self.seed}

    def generate(self, part: str, folder: Path) -> Arrays:
        """See `ArenaDataModule.generate`."""
        return synthetic.images(self.seed, part, count=2000)

    def part(self, split: Split, *, generated: bool) -> tuple[str, numpy.ndarray | None]:
        """See `ArenaDataModule.part`."""
        if split == "test":
            return "test", None
        labels = self.arrays("train", self.files())["labels"]
        if self.protocol == "holdout":
            return "train", holdout(labels, 0.1, self.seed)[split == "val"]
        first = len(labels) * 9 // 10
        return "train", numpy.arange(len(labels))[first:] if split == "val" else numpy.arange(first)


def grey(images: numpy.ndarray) -> numpy.ndarray:
    """Grey levels (count, 32, 32) uint8 of colour images (count, 3, 32, 32) uint8."""
    grey_levels = numpy.empty((len(images), 32, 32), numpy.uint8)
    for start in range(0, len(images), 1000):
        red, green, blue = (images[start : start + 1000, channel] / numpy.float32(255) for channel in range(3))
        luma = numpy.float32(0.2989) * red + numpy.float32(0.5870) * green + numpy.float32(0.1140) * blue
        grey_levels[start : start + 1000] = luma * numpy.float32(255.5)
    return grey_levels


def _read_batch(folder: Path, name: str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Images (count, 3, 32, 32) uint8 and labels (count,) uint8 of one file."""
    file = folder / name
    if not file.is_file():
        file = folder / f"{name}.bin"
        records = numpy.fromfile(file, numpy.uint8)
        if len(records) == 0 or len(records) % RECORD:
            raise DataError(f"{file}: {len(records)} bytes are not whole records of {RECORD}; extract it again")
        records = records.reshape(-1, RECORD)
        return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]
    try:
        with file.open("rb") as stream:
            batch = _Unpickler(stream, encoding="bytes").load()
        images = numpy.asarray(batch[b"data"], numpy.uint8).reshape(-1, 3, 32, 32)
        labels = numpy.array(batch[b"labels"])
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DataError(f"{file}: not a batch of CIFAR-10 ({error}); extract it again") from error
    if len(labels) != len(images) or labels.min() < 0 or labels.max() > 9:
        raise DataError(f"{file}: {len(images)} images need as many labels from 0 to 9; extract it again")
    return images, labels.astype(numpy.uint8)


class _Unpickler(pickle.Unpickler):
    """The Python version of CIFAR-10 is pickled; only arrays and plain data are let through."""

    allowed = frozenset(
        (module, name)
        for package in ("numpy.core", "numpy._core")
        for module, name in ((f"{package}.multiarray", "_reconstruct"), (f"{package}.numeric", "_frombuffer"))
    ) | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}

    def find_class(self, module: str, name: str) -> Any:
        """Refuses everything that is not needed for arrays."""
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}")
        return super().find_class(module, name)
