"""LEGO: chains of assignments in shuffled order (Zhang et al., arXiv 2206.04301)."""

from typing import Any, Literal

import numpy
import torch
from torch import Tensor

from datamodules.base import Split
from datamodules.errors import at_least_one
from datamodules.loader import IGNORED, Batch, BatchDataset
from datamodules.reasoning.base import ReasoningDataModule, StreamDataset
from datamodules.reasoning.lego_sentences import CLAUSE, GROUPS, Sentences, sample_split
from datamodules.reasoning.task import find_name


def to_batch(tokens: numpy.ndarray, values: numpy.ndarray, positions: numpy.ndarray, n_train_vars: int) -> Batch:
    """The batch of sentences (batch, length), with an answer at each clause's variable.

    `values` and `positions` are (batch, clauses), as `sample` returns them. If all sentences are equally long, the
    batch has no `mask`.
    """
    asked = positions >= 0
    mask = tokens != 0
    found = {
        "tokens": torch.from_numpy(tokens.astype(numpy.int64)),
        "labels": _at_clauses(numpy.where(asked, values, IGNORED).astype(numpy.int64), IGNORED),
        "groups": _at_clauses(positions.astype(numpy.int64), -1),
        "loss_mask": _at_clauses(asked & (positions < n_train_vars), False),
    }
    return found if mask.all() else {**found, "mask": torch.from_numpy(mask)}


def _at_clauses(values: numpy.ndarray, elsewhere: int) -> Tensor:
    """(batch, length) with the values (batch, clauses) at the tokens whose values are asked for."""
    whole = numpy.full((len(values), CLAUSE * values.shape[1] + 2), elsewhere, values.dtype)
    whole[:, 1:-1:CLAUSE] = values
    return torch.from_numpy(whole)


class LegoDataset(BatchDataset):
    """Sentences that are always the same.

    Args:
        sentences: Their tokens, values and positions; see `sample`.
        n_train_vars: Variables from the root on that are trained.
    """

    def __init__(self, sentences: Sentences, n_train_vars: int) -> None:
        # In one table, because to collect the rows of a batch takes a look at the memory for each of them.
        self.table = numpy.concatenate(sentences, axis=1, dtype=numpy.int8)
        self.ends = numpy.cumsum([part.shape[1] for part in sentences])[:-1]
        self.n_train_vars = n_train_vars

    def __len__(self) -> int:
        """See `BatchDataset.__len__`."""
        return len(self.table)

    def batch(self, indices: numpy.ndarray) -> Batch:
        """See `BatchDataset.batch`."""
        tokens, values, positions = numpy.split(self.table[indices], self.ends, axis=1)
        return to_batch(tokens, values, positions, self.n_train_vars)


class LegoStream(StreamDataset):
    """Sentences that are drawn when they are asked for, for the arguments of `Lego`."""

    def __init__(self, seed: list[int], count: int, n_vars: int, n_train_vars: int, group: str, **varied: Any) -> None:
        super().__init__(seed, count)
        self.n_vars, self.n_train_vars, self.group, self.varied = n_vars, n_train_vars, group, varied

    def draw(self, generator: numpy.random.Generator, count: int) -> Batch:
        """See `StreamDataset.draw`."""
        drawn = sample_split(generator, count, self.n_vars, self.group, "train", **self.varied)
        return to_batch(*drawn, self.n_train_vars)


class Lego(ReasoningDataModule):
    """LEGO over a group: the value of each variable, trained on the first of the chain, tested on all.

    A batch also has `groups` (batch, length) int64, the position of the asked variable in its chain (-1 where nothing
    is asked), and `loss_mask` (batch, length) bool, True for the answers that are trained on.

    Args:
        n_vars: Variables of each chain, 2 to 26; a sentence has 5 * n_vars + 2 tokens.
        n_train_vars: Variables, from the root on, that are trained.
        group: z2, the reference's, or s3, whose elements do not commute (not in the reference).
        stream: New training sentences each epoch; otherwise always the same ones.
        num_train: Training sentences of an epoch.
        num_val: Validation sentences.
        num_test: Test sentences.
        batch_size: Training examples per batch and rank.
        eval_batch_size: Evaluation examples per batch and rank. If None, batch_size.
        num_workers: Processes that build batches. If 0, the training process does.
        seed: Seed of the sentences and of their order.
        min_vars: Variables of the shortest training sentences, whose number is drawn for each from min_vars to n_vars;
            by default all have n_vars, as those of the validation and the test always do.
        roots: Probability, in training sentences, of every variable but the first to be the root of another chain. The
            validation and the test always have one chain.
    """

    def __init__(
        self,
        n_vars: int = 12,
        n_train_vars: int = 6,
        group: Literal["z2", "s3"] = "z2",
        stream: bool = False,
        num_train: int = 120_000,
        num_val: int = 5_000,
        num_test: int = 12_000,
        batch_size: int = 500,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        seed: int = 0,
        min_vars: int | None = None,
        roots: float = 0.0,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=eval_batch_size, num_workers=num_workers, seed=seed)
        if not 2 <= n_vars <= 26:
            raise ValueError(f"data.n_vars must lie between 2 and 26, the letters of the alphabet, got {n_vars}")
        if not 1 <= n_train_vars <= n_vars:
            raise ValueError(f"data.n_train_vars must lie between 1 and data.n_vars={n_vars}, got {n_train_vars}")
        if min_vars is not None and not 1 <= min_vars <= n_vars:
            raise ValueError(f"data.min_vars must lie between 1 and data.n_vars={n_vars}, got {min_vars}")
        if not 0.0 <= roots < 1.0:
            raise ValueError(f"data.roots is a probability below 1, got {roots}")
        self.n_vars, self.n_train_vars, self.stream = n_vars, n_train_vars, stream
        self.varied = {"min_vars": min_vars, "roots": roots}
        self.group = find_name(group, GROUPS, "data.group")
        self.counts = {"train": num_train, "val": num_val, "test": num_test}
        at_least_one(num_train=num_train, num_val=num_val, num_test=num_test)

    @property
    def vocab_size(self) -> int:
        """See `Group.vocabulary`."""
        return len(GROUPS[self.group].vocabulary)

    @property
    def num_classes(self) -> int:
        """The elements of the group."""
        return GROUPS[self.group].order

    @property
    def max_length(self) -> int:
        """See `SequenceDataModule.max_length`."""
        return CLAUSE * self.n_vars + 2

    @property
    def few_lengths(self) -> bool:
        """See `SequenceDataModule.few_lengths`."""
        return True

    @property
    def batch_lengths(self) -> tuple[int, ...]:
        """See `SequenceDataModule.batch_lengths`."""
        return (self.max_length,)

    @property
    def group_name(self) -> str:
        """Answers are reported by their position in the chain."""
        return "position"

    @property
    def group_values(self) -> list[int]:
        """Positions in the chain, the root being 1."""
        return list(range(1, self.n_vars + 1))

    @property
    def trained_groups(self) -> list[int]:
        """Indices of the trained positions."""
        return list(range(self.n_train_vars))

    @property
    def chance(self) -> float:
        """Accuracy of any guess: all values are equally likely."""
        return 1 / self.num_classes

    def build_dataset(self, split: Split) -> BatchDataset:
        """See `SequenceDataModule.build_dataset`; the splits are drawn independently of each other."""
        seed = [self.seed, ("train", "val", "test").index(split)]
        if split == "train" and self.stream:
            return LegoStream(seed, self.counts[split], self.n_vars, self.n_train_vars, self.group, **self.varied)
        generator, varied = numpy.random.default_rng(seed), self.varied if split == "train" else {}
        drawn = sample_split(generator, self.counts[split], self.n_vars, self.group, split, **varied)
        return LegoDataset(drawn, self.n_train_vars)
