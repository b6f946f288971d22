"""ListOps: the value of a nested list expression."""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from datamodules.augment import shuffle_arguments
from datamodules.base import Split
from datamodules.cache import Arrays
from datamodules.errors import DataError, at_least_one
from datamodules.inputs import Record
from datamodules.lra.base import ArenaDataModule, text_of
from datamodules.names import SPLITS
from datamodules.packed import PackedDataset
from datamodules.sources.listops import CLOSE, IDS, TOKENS, ZERO, Settings, cache_key, generate, pack


class ListOps(ArenaDataModule):
    """ListOps of the Long Range Arena: read from its files, or generated with its distribution.

    Tokens are `[MIN [MAX [MED [SM ] 0 ... 9`, ids 1 to 15; the parentheses of the official files are dropped, as in the
    official pipeline. A constant answer reaches about 17 %. Generated splits share no expression. Both protocols have
    the same splits. The augmentation shuffles the arguments of every operator: all four are commutative.

    Args:
        min_length: Generated expressions are longer than this, in tokens.
        max_length: Expressions are shorter than this.
        max_depth: Deepest nesting of generated expressions.
        max_args: Most arguments of a generated operator.
        num_train: Generated training expressions.
        num_val: Generated validation expressions.
        num_test: Generated test expressions.
        **options: See `ArenaDataModule`.
    """

    wanted = "lra_release/lra_release/listops-1000/"
    expected = "basic_train.tsv, basic_val.tsv and basic_test.tsv"
    own_generator = True
    layouts = (".", "listops-1000", "listops", "lra_release/lra_release/listops-1000", "lra_release/listops-1000")

    def __init__(
        self,
        min_length: int = 500,
        max_length: int = 2000,
        max_depth: int = 10,
        max_args: int = 10,
        num_train: int = 96_000,
        num_val: int = 2_000,
        num_test: int = 2_000,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.settings = Settings(min_length, max_length, max_depth, max_args, self.seed)
        self.counts = {"train": num_train, "val": num_val, "test": num_test}
        at_least_one(num_train=num_train, num_val=num_val, num_test=num_test)

    @property
    def vocab_size(self) -> int:
        """Padding and 15 tokens."""
        return 1 + len(TOKENS)

    @property
    def num_classes(self) -> int:
        """The ten digits."""
        return 10

    @property
    def max_length(self) -> int:
        """See `SequenceDataModule.max_length`."""
        return self.settings.max_length

    def found(self, folder: Path) -> dict[str, Path] | None:
        """See `ArenaDataModule.found`."""
        files: dict[str, Path] = {split: folder / f"basic_{split}.tsv" for split in SPLITS}
        return files if self.all_there(files.values()) else None

    def read_key(self) -> dict[str, Any]:
        """See `ArenaDataModule.read_key`."""
        return {"max_length": self.max_length}

    def read(self, part: str, files: Path, folder: Path) -> Arrays:
        """See `ArenaDataModule.read`."""
        return pack(read_file(files, self.max_length))

    def generated_key(self, part: str) -> dict[str, Any]:
        """See `ArenaDataModule.generated_key`."""
        return cache_key(self.settings, tuple(self.counts.values()))

    def generate(self, part: str, folder: Path) -> Arrays:
        """See `ArenaDataModule.generate`."""
        return pack(generate(self.settings, sum(self.counts.values()), workers=os.cpu_count() or 1))

    def part(self, split: Split, *, generated: bool) -> tuple[str, numpy.ndarray | None]:
        """See `ArenaDataModule.part`."""
        if not generated:
            return split, None
        first = sum(self.counts[before] for before in SPLITS[: SPLITS.index(split)])
        return "all", numpy.arange(first, first + self.counts[split])

    def encode(self, record: Record) -> list[numpy.ndarray]:
        """See `ArenaDataModule.encode`."""
        words = words_of(text_of(record).decode(errors="replace"))
        if problem := _problem(words, self.max_length):
            raise DataError(problem)
        return [numpy.array([IDS[word] for word in words], numpy.uint8)]

    def open(self, arrays: dict[str, numpy.ndarray], *, training: bool) -> PackedDataset:
        """See `ArenaDataModule.open`."""
        return PackedDataset(
            arrays["tokens"],
            arrays["offsets"],
            arrays["labels"],
            self.padding_id,
            pad_to=self.max_length if self.padding == "max" else None,
            augment=partial(shuffle_arguments, close=CLOSE, zero=ZERO) if self.augment and training else None,
            seed=self.seed,
        )


def read_file(file: Path, max_length: int) -> list[tuple[bytes, int]]:
    """Reads an official file: a header, then `Source<TAB>Target` lines.

    Raises:
        DataError: For a line that is not an expression with its value, or one longer than max_length; names the line.
    """
    expressions = []
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if number == 1 and line.startswith("Source"):
                continue
            columns = line.rstrip("\r\n").split("\t")
            if len(columns) != 2 or not re.fullmatch(r"\s*\d\s*", columns[1]):
                raise DataError(f"{file}, line {number}: expected an expression, a tab and a digit")
            words = words_of(columns[0])
            if problem := _problem(words, max_length):
                raise DataError(f"{file}, line {number}: {problem}")
            expressions.append((bytes(IDS[word] for word in words), int(columns[1])))
    if not expressions:
        raise DataError(f"{file}: no expressions; the file is empty")
    return expressions


def words_of(expression: str) -> list[str]:
    """The words of an expression, without its parentheses."""
    return re.sub(r"[()]", " ", expression).split()


def _problem(words: list[str], max_length: int) -> str:
    """What is wrong with an expression; empty if nothing is."""
    depth = 0
    for place, word in enumerate(words):
        if word not in IDS:
            return f"unknown token {word!r}"
        if word == "]" and words[place - 1].startswith("["):
            return f"{words[place - 1]} has no arguments"
        depth += word.startswith("[") - (word == "]")
        if depth < 0 or (depth == 0 and place < len(words) - 1):
            return "the brackets of the expression do not nest"
    if depth or not words:
        return "the brackets of the expression do not match"
    if len(words) > max_length:
        return f"{len(words)} tokens; raise data.max_length={max_length}"
    return ""
