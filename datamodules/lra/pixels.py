"""What the tasks on images share: pixels as tokens or as scalars."""

from abc import abstractmethod
from typing import Any, Literal

import numpy

from datamodules.errors import DataError
from datamodules.inputs import Record
from datamodules.lra.base import ArenaDataModule
from datamodules.packed import Augment, ImageDataset


class PixelDataModule(ArenaDataModule):
    """Square grayscale images read row by row.

    Args:
        pixels: tokens: ids 1 to 256, so that black is not taken for padding. scalars: numbers from -1 to 1, which the
            encoder embeds with a linear map.
        **options: See `ArenaDataModule`; `padding` has no effect, since all sequences are equally long.
    """

    def __init__(self, pixels: Literal["tokens", "scalars"] = "tokens", **options: Any) -> None:
        super().__init__(**options)
        if pixels not in ("tokens", "scalars"):
            raise ValueError(f"data.pixels must be tokens or scalars, got {pixels!r}")
        self.pixels = pixels

    @property
    @abstractmethod
    def size(self) -> int:
        """Height and width of an image."""

    @property
    @abstractmethod
    def augmentation(self) -> Augment:
        """How training images are changed if `augment` is on."""

    @property
    def max_length(self) -> int:
        """See `SequenceDataModule.max_length`."""
        return self.size**2

    @property
    def few_lengths(self) -> bool:
        """See `SequenceDataModule.few_lengths`."""
        return True

    @property
    def batch_lengths(self) -> tuple[int, ...]:
        """See `SequenceDataModule.batch_lengths`."""
        return (self.max_length,)

    @property
    def vocab_size(self) -> int:
        """Padding and 256 grey levels; 0 for scalars."""
        return 257 if self.pixels == "tokens" else 0

    def encode(self, record: Record) -> list[numpy.ndarray]:
        """See `ArenaDataModule.encode`."""
        image = record.get("image")
        if image is None:
            raise DataError("it is a text; this task reads a folder of .png files")
        if image.shape != (self.size, self.size):
            raise DataError(f"{image.shape[1]} x {image.shape[0]} pixels instead of {self.size} x {self.size}")
        return [image]

    def pack_inputs(self, examples: list[list[numpy.ndarray]]) -> dict[str, numpy.ndarray]:
        """See `ArenaDataModule.pack_inputs`."""
        images = numpy.stack([image for (image,) in examples])
        return {"images": images, "labels": numpy.zeros(len(images), numpy.uint8)}

    def open(self, arrays: dict[str, numpy.ndarray], *, training: bool) -> ImageDataset:
        """See `ArenaDataModule.open`."""
        augment = self.augmentation if self.augment and training else None
        return ImageDataset(arrays["images"], arrays["labels"], self.pixels, augment=augment, seed=self.seed)
