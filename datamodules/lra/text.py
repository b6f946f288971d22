"""Text: sentiment of film reviews, byte by byte."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy

from datamodules.augment import crop_bytes
from datamodules.base import Split
from datamodules.cache import Arrays
from datamodules.errors import DataError, at_least_one
from datamodules.inputs import Record
from datamodules.listing import files_in
from datamodules.lra.base import ArenaDataModule, text_of
from datamodules.packed import PackedDataset, holdout
from datamodules.sources import synthetic
from datamodules.sources.archives import Archive

SENTIMENTS = ("neg", "pos")


class Text(ArenaDataModule):
    """IMDB reviews (Maas et al. 2011) as bytes: 25,000 for training and 25,000 for testing, half of them positive.

    Token ids are bytes + 1. Label 0 is negative, 1 positive. The protocol lra validates on the test split, as all of
    the literature does; holdout validates on a tenth of the training reviews. The augmentation crops long reviews
    anywhere instead of at the end.

    Args:
        max_length: Bytes that are read of a review.
        **options: See `ArenaDataModule`.
    """

    archive = Archive(
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "84 MB",
        "md5:7c2ac02c03563afcf9b574c7e56c153a",
    )
    wanted = "aclImdb/"
    expected = "train/pos, train/neg, test/pos and test/neg"
    layouts = ("aclImdb", ".", "imdb/aclImdb", "imdb")

    def __init__(self, max_length: int = 4096, **options: Any) -> None:
        super().__init__(**options)
        at_least_one(max_length=max_length)
        self._max_length = max_length

    @property
    def vocab_size(self) -> int:
        """Padding and 256 bytes."""
        return 257

    @property
    def num_classes(self) -> int:
        """Negative and positive."""
        return 2

    @property
    def class_names(self) -> tuple[str, ...]:
        """See `SequenceDataModule.class_names`."""
        return ("negative", "positive")

    @property
    def max_length(self) -> int:
        """See `SequenceDataModule.max_length`."""
        return self._max_length

    def found(self, folder: Path) -> dict[str, Path] | None:
        """See `ArenaDataModule.found`."""
        folders = [folder / part / sentiment for part in ("train", "test") for sentiment in SENTIMENTS]
        return {part: folder / part for part in ("train", "test")} if self.all_there(folders) else None

    def contents(self, part: str, files: Path) -> list[Path]:
        """See `OriginDataModule.contents`; reviews without a sentiment may lie beside them."""
        return [files / sentiment for sentiment in SENTIMENTS]

    def read(self, part: str, files: Path, folder: Path) -> Arrays:
        """See `ArenaDataModule.read`; negative reviews first, each sentiment in the order of its numbers."""
        texts, labels = [], []
        for label, sentiment in enumerate(SENTIMENTS):
            paths = sorted(files_in(files / sentiment, "*.txt"), key=_number)
            if not paths:
                raise DataError(f"{files / sentiment}: no reviews (*.txt); extract the archive again")
            for path in paths:
                texts.append(path.read_bytes())
                if not texts[-1]:
                    raise DataError(f"{path}: the file is empty; extract the archive again")
            labels += [label] * len(paths)
        return synthetic.pack_bytes(texts, labels)

    def generated_key(self, part: str) -> dict[str, Any]:
        """See `ArenaDataModule.generated_key`."""
        return {"source": "synthetic text", "version": 1, "part": part, "seed": self.seed}

    def generate(self, part: str, folder: Path) -> Arrays:
        """See `ArenaDataModule.generate`."""
        return synthetic.texts(self.seed, part, count=2000)

    def part(self, split: Split, *, generated: bool) -> tuple[str, numpy.ndarray | None]:
        """See `ArenaDataModule.part`."""
        if split == "test" or (split == "val" and self.protocol == "lra"):
            return "test", None
        if self.protocol == "lra":
            return "train", None
        labels = self.arrays("train", self.files())["labels"]
        return "train", holdout(labels, 0.1, self.seed)[split == "val"]

    def encode(self, record: Record) -> list[numpy.ndarray]:
        """See `ArenaDataModule.encode`."""
        return [numpy.frombuffer(text_of(record), numpy.uint8)]

    def open(self, arrays: dict[str, numpy.ndarray], *, training: bool) -> PackedDataset:
        """See `ArenaDataModule.open`."""
        return PackedDataset(
            arrays["tokens"],
            arrays["offsets"],
            arrays["labels"],
            self.padding_id,
            shift=1,
            limit=self.max_length,
            pad_to=self.max_length if self.padding == "max" else None,
            augment=partial(crop_bytes, length=self.max_length) if self.augment and training else None,
            seed=self.seed,
        )


def _number(path: Path) -> tuple[int, str]:
    """Reviews are called `<number>_<rating>.txt`."""
    number = path.stem.split("_")[0]
    return (int(number) if number.isdigit() else -1, path.name)
