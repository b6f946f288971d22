"""Retrieval: whether one paper cites another, byte by byte."""

from pathlib import Path
from typing import Any

import numpy

from datamodules.bars import bar
from datamodules.base import Split
from datamodules.cache import Arrays, GrowingArray
from datamodules.errors import DataError, at_least_one
from datamodules.inputs import Record
from datamodules.lra.base import ArenaDataModule, text_of
from datamodules.packed import PackedDataset
from datamodules.sources import synthetic

FILES = {"train": "new_aan_pairs.train.tsv", "val": "new_aan_pairs.eval.tsv", "test": "new_aan_pairs.test.tsv"}
LABELS = {b"0.0": 0, b"0": 0, b"1.0": 1, b"1": 1}


class Retrieval(ArenaDataModule):
    """Pairs of papers of the ACL Anthology Network as bytes; the label is 1 if one cites the other.

    `tokens` is (batch, 2, length); token ids are bytes + 1. Files have five columns and no header: label, two ids, two
    texts; quotes are ordinary characters. Both protocols have the splits of the files. There is no augmentation.

    Args:
        max_length: Bytes that are read of each paper.
        **options: See `ArenaDataModule`.
    """

    wanted = "tsv_data/"
    expected = ", ".join(FILES.values())
    layouts = ("tsv_data", ".", "aan", "lra_release/lra_release/tsv_data", "lra_release/tsv_data")

    def __init__(self, max_length: int = 4000, **options: Any) -> None:
        super().__init__(**options)
        at_least_one(max_length=max_length)
        if self.augment:
            raise ValueError("data.augment: Retrieval has no augmentation; leave it out")
        self._max_length = max_length

    @property
    def vocab_size(self) -> int:
        """Padding and 256 bytes."""
        return 257

    @property
    def num_classes(self) -> int:
        """Unrelated and citing."""
        return 2

    @property
    def class_names(self) -> tuple[str, ...]:
        """See `SequenceDataModule.class_names`."""
        return ("unrelated", "citing")

    @property
    def paired(self) -> bool:
        """See `SequenceDataModule.paired`."""
        return True

    @property
    def max_length(self) -> int:
        """See `SequenceDataModule.max_length`."""
        return self._max_length

    def found(self, folder: Path) -> dict[str, Path] | None:
        """See `ArenaDataModule.found`."""
        files = {split: folder / name for split, name in FILES.items()}
        return files if self.all_there(files.values()) else None

    def read_key(self) -> dict[str, Any]:
        """See `ArenaDataModule.read_key`."""
        return {"max_length": self.max_length}

    def read(self, part: str, files: Path, folder: Path) -> Arrays:
        """See `ArenaDataModule.read`; line by line, since a file can hold gigabytes."""
        tokens, offsets, labels = GrowingArray(folder / "tokens.npy", numpy.uint8), [0], []
        progress = bar(desc=files.name, total=files.stat().st_size, unit="B", unit_scale=True, mininterval=1)
        with files.open("rb") as lines, progress:
            for number, line in enumerate(lines, start=1):
                columns = line.rstrip(b"\r\n").split(b"\t")
                if len(columns) != 5:
                    raise DataError(f"{files}, line {number}: {len(columns)} columns instead of 5 (label, ids, texts)")
                if columns[0] not in LABELS:
                    raise DataError(f"{files}, line {number}: the label must be 0.0 or 1.0, got {columns[0][:20]!r}")
                for text in columns[3:]:
                    if not text:
                        raise DataError(f"{files}, line {number}: an empty text")
                    tokens.append(text[: self.max_length])
                    offsets.append(tokens.length)
                labels.append(LABELS[columns[0]])
                progress.update(len(line))
        if not labels:
            raise DataError(f"{files}: no pairs; the file is empty")
        return {"tokens": tokens.close(), "offsets": numpy.array(offsets), "labels": numpy.array(labels, numpy.uint8)}

    def generated_key(self, part: str) -> dict[str, Any]:
        """See `ArenaDataModule.generated_key`."""
        return {"source": "synthetic pairs", "version": 1, "part": part, "seed": self.seed}

    def generate(self, part: str, folder: Path) -> Arrays:
        """See `ArenaDataModule.generate`."""
        return synthetic.pairs(self.seed, part, count=2000)

    def part(self, split: Split, *, generated: bool) -> tuple[str, numpy.ndarray | None]:
        """See `ArenaDataModule.part`."""
        return split, None

    def encode(self, record: Record) -> list[numpy.ndarray]:
        """See `ArenaDataModule.encode`."""
        return [numpy.frombuffer(text_of(record, column), numpy.uint8) for column in ("text", "text2")]

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
            ways=2,
        )
