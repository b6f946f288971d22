"""ListOps: the value of a nested list expression."""

import os
import re
from pathlib import Path
from typing import Literal

import numpy

from datamodules.base import SequenceDataModule, Split
from datamodules.cache import cached
from datamodules.loader import PackedDataset
from datamodules.sources.listops import IDS, TOKENS, Settings, cache_key, generate, pack

LAYOUTS = (".", "listops-1000", "listops", "lra_release/listops-1000", "lra_release/lra_release/listops-1000")
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class ListOps(SequenceDataModule):
    """ListOps of the Long Range Arena: generated with its distribution, or read from its files.

    Tokens are `[MIN [MAX [MED [SM ] 0 ... 9`, ids 1 to 15; the parentheses of the official files are dropped, as in the
    official pipeline. A constant answer reaches about 17 %. Generated splits share no expression.

    Args:
        root: Folder of the caches, and of the official files `basic_{train,val,test}.tsv` in any known layout.
        source: generate, files, or auto: files if they are there.
        min_length: Expressions are longer than this, in tokens.
        max_length: Expressions are shorter than this.
        max_depth: Deepest nesting.
        max_args: Most arguments of an operator.
        num_train: Generated training expressions.
        num_val: Generated validation expressions.
        num_test: Generated test expressions.
        batch_size: Training examples per batch and rank.
        eval_batch_size: Evaluation examples per batch and rank; default: batch_size.
        num_workers: Processes that build batches; 0: none.
        seed: Seed of the expressions and of their order.
    """

    def __init__(
        self,
        root: str = "data",
        source: Literal["auto", "files", "generate"] = "auto",
        min_length: int = 500,
        max_length: int = 2000,
        max_depth: int = 10,
        max_args: int = 10,
        num_train: int = 96_000,
        num_val: int = 2_000,
        num_test: int = 2_000,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=eval_batch_size, num_workers=num_workers, seed=seed)
        self.settings = Settings(min_length, max_length, max_depth, max_args, seed)
        if source not in ("auto", "files", "generate"):
            raise ValueError(f"data.source must be auto, files or generate, got {source!r}")
        self.root, self.source = str(root), source
        self.counts = {"train": num_train, "val": num_val, "test": num_test}
        for split, count in self.counts.items():
            if count < 1:
                raise ValueError(f"data.num_{split} must be at least 1, got {count}")

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

    def prepare_data(self) -> None:
        """Generates or reads the expressions into the cache, once."""
        for split in SPLITS:
            self._arrays(split)

    def build_dataset(self, split: Split) -> PackedDataset:
        """See `SequenceDataModule.build_dataset`."""
        arrays = self._arrays(split)
        return PackedDataset(arrays["tokens"], arrays["offsets"], arrays["labels"], self.padding_id)

    def _arrays(self, split: Split) -> dict[str, numpy.ndarray]:
        folder = Path(self.root) / "cache" / "listops"
        files = None if self.source == "generate" else find_files(self.root)
        if files is None and self.source == "files":
            tried = ", ".join(str(Path(self.root) / layout) for layout in LAYOUTS)
            raise FileNotFoundError(
                f"no basic_train.tsv, basic_val.tsv and basic_test.tsv in {tried}; set data.root to the folder of the "
                "Long Range Arena release, or data.source to generate"
            )
        if files is not None:
            file = files[split]
            stamp = {"file": str(file.resolve()), "size": file.stat().st_size, "changed": file.stat().st_mtime_ns}
            key = {"source": "listops files", "version": 1, "max_length": self.max_length, **stamp}
            return cached(folder, key, lambda: pack(read_file(file, self.max_length)))
        counts = tuple(self.counts[s] for s in SPLITS)
        arrays = cached(folder, cache_key(self.settings, counts), lambda: self._generate(sum(counts)))
        first = sum(counts[: SPLITS.index(split)])
        return {
            "tokens": arrays["tokens"],
            "offsets": arrays["offsets"][first : first + self.counts[split] + 1],
            "labels": arrays["labels"][first : first + self.counts[split]],
        }

    def _generate(self, count: int) -> dict[str, numpy.ndarray]:
        return pack(generate(self.settings, count, workers=os.cpu_count() or 1))


def find_files(root: str | Path) -> dict[Split, Path] | None:
    """The official files below root, in the first known layout that has any; None if none has.

    Raises:
        FileNotFoundError: If some of the three are missing.
    """
    for layout in LAYOUTS:
        files: dict[Split, Path] = {split: Path(root) / layout / f"basic_{split}.tsv" for split in SPLITS}
        missing = [str(file) for file in files.values() if not file.is_file()]
        if not missing:
            return files
        if len(missing) < len(files):
            raise FileNotFoundError(f"missing beside the others: {', '.join(missing)}; or set data.source to generate")
    return None


def read_file(file: Path, max_length: int) -> list[tuple[bytes, int]]:
    """Reads an official file: a header, then `Source<TAB>Target` lines.

    Raises:
        ValueError: For a line that is not an expression with its value, or one longer than max_length; names the line.
    """
    expressions = []
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if number == 1 and line.startswith("Source"):
                continue
            columns = line.rstrip("\r\n").split("\t")
            words = re.sub(r"[()]", " ", columns[0]).split()
            if problem := _problem(columns, words, max_length):
                raise ValueError(f"{file}, line {number}: {problem}")
            expressions.append((bytes(IDS[word] for word in words), int(columns[1])))
    if not expressions:
        raise ValueError(f"{file}: no expressions; the file is empty")
    return expressions


def _problem(columns: list[str], words: list[str], max_length: int) -> str:
    """What is wrong with a line; empty if nothing is."""
    if len(columns) != 2 or not re.fullmatch(r"\s*\d\s*", columns[1]):
        return "expected an expression, a tab and a digit"
    for word in words:
        if word not in IDS:
            return f"unknown token {word!r}"
    operators = sum(word.startswith("[") for word in words)
    whole = len(words) == 1 or (words and words[0].startswith("[") and words[-1] == "]")
    if not whole or operators != words.count("]"):
        return "the brackets of the expression do not match"
    if len(words) > max_length:
        return f"{len(words)} tokens; raise data.max_length={max_length}"
    return ""
