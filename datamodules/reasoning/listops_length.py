"""ListOps by length: trained on short expressions, tested on longer ones."""

import os
from itertools import pairwise
from pathlib import Path

import numpy

from datamodules.base import Split
from datamodules.cache import cached
from datamodules.errors import at_least_one
from datamodules.reasoning.base import AnsweredDataset, ReasoningDataModule
from datamodules.sources.listops import TOKENS, Settings, cache_key, generate, pack


class ListOpsLength(ReasoningDataModule):
    """ListOps expressions of the Long Range Arena's distribution at other lengths.

    An encoder reads the expression (ids as in `ListOps`), then a query token (id 16), where the value is read. Groups
    are ranges of lengths, named by their upper end: the first is trained on, and all are tested, with num_test
    expressions each. Training, validation and test share no expression.

    Args:
        lengths: Upper ends of the ranges in tokens, increasing; an expression is shorter than the upper end of its
            own range, and at least as long as that of the range before.
        min_length: Every expression is longer than this.
        max_depth: Deepest nesting.
        max_args: Most arguments of an operator.
        num_train: Training expressions.
        num_val: Validation expressions.
        num_test: Test expressions of each range.
        root: Folder of the caches.
        batch_size: Training examples per batch and rank.
        eval_batch_size: Evaluation examples per batch and rank. If None, batch_size.
        num_workers: Processes that build batches. If 0, the training process does.
        seed: Seed of the expressions and of their order.
    """

    def __init__(
        self,
        lengths: tuple[int, ...] = (100, 200, 300, 400, 500),
        min_length: int = 5,
        max_depth: int = 10,
        max_args: int = 10,
        num_train: int = 96_000,
        num_val: int = 2_000,
        num_test: int = 2_000,
        root: str = "data",
        batch_size: int = 64,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=eval_batch_size, num_workers=num_workers, seed=seed)
        self.lengths = [int(length) for length in lengths]
        if not self.lengths or self.lengths != sorted(set(self.lengths)):
            raise ValueError(f"data.lengths must be increasing, got {self.lengths}")
        at_least_one(num_train=num_train, num_val=num_val, num_test=num_test)
        lower = [min_length, *(length - 1 for length in self.lengths[:-1])]
        self.settings = [
            Settings(low, high, max_depth, max_args, seed) for low, high in zip(lower, self.lengths, strict=True)
        ]
        self.counts = [num_train, num_val, num_test]
        self.root = str(root)

    @property
    def vocab_size(self) -> int:
        """Padding, 15 tokens, and the query."""
        return len(TOKENS) + 2

    @property
    def num_classes(self) -> int:
        """The ten digits."""
        return 10

    @property
    def max_length(self) -> int:
        """The longest expression, one below its range's end, with the query."""
        return self.lengths[-1]

    @property
    def trained_length(self) -> int:
        """The longest expression of the first range, with the query."""
        return self.lengths[0]

    @property
    def group_name(self) -> str:
        """Answers are reported by the length of the expression."""
        return "length"

    @property
    def group_values(self) -> list[int]:
        """The upper ends of the ranges."""
        return list(self.lengths)

    @property
    def trained_groups(self) -> list[int]:
        """The first range."""
        return [0]

    @property
    def chance(self) -> float:
        """Accuracy of a uniform guess; the most frequent value of long expressions reaches somewhat more."""
        return 0.1

    def prepare_data(self) -> None:
        """Generates the expressions into the cache, once."""
        for group in range(len(self.lengths)):
            self._expressions(group)

    def build_dataset(self, split: Split) -> AnsweredDataset:
        """See `SequenceDataModule.build_dataset`."""
        number = ("train", "val", "test").index(split)
        questions: list[numpy.ndarray] = []
        answers: list[numpy.ndarray] = []
        groups: list[int] = []
        for group in range(len(self.lengths)) if split == "test" else (0,):
            arrays = self._expressions(group)
            first = sum(self.counts[:number]) if group == 0 else 0
            ends = arrays["offsets"][first : first + self.counts[number] + 1]
            questions += [arrays["tokens"][a:b] for a, b in pairwise(ends)]
            answers += list(arrays["labels"][first : first + self.counts[number], None].astype(numpy.int64))
            groups += [group] * self.counts[number]
        return AnsweredDataset(questions, answers, groups, self.trained_groups, len(TOKENS) + 1)

    def _expressions(self, group: int) -> dict[str, numpy.ndarray]:
        settings, counts = self.settings[group], self.counts if group == 0 else self.counts[2:]
        workers = os.cpu_count() or 1
        return cached(
            Path(self.root) / "cache" / "listops",
            cache_key(settings, tuple(counts)),
            lambda _: pack(generate(settings, sum(counts), workers=workers)),
        )
