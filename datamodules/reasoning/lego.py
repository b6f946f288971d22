"""LEGO: chains of assignments in shuffled order (Zhang et al., arXiv 2206.04301)."""

import numpy
import torch

from datamodules.base import SequenceDataModule, Split
from datamodules.loader import IGNORED, Batch, BatchDataset

VOCABULARY = ("[PAD]", "[CLS]", "[SEP]", "=", "val", "not", ",", "0", "1", *"abcdefghijklmnopqrstuvwxyz")
IDS = {token: index for index, token in enumerate(VOCABULARY)}
"""Token ids of the static vocabulary."""
CLAUSE = 5
"""Tokens of a clause."""


def sample(
    generator: numpy.random.Generator, count: int, n_vars: int
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Draws sentences.

    The root of a chain is `a = val 0 ,` or `a = val 1 ,`; each further variable equals the one before it,
    `b = val a ,`, or its negation, `b = not a ,`. The clauses stand in random order between [CLS] and [SEP].

    Args:
        generator: Source of randomness.
        count: Number of sentences.
        n_vars: Variables of the chain, at most 26.

    Returns:
        Token ids (count, 5 * n_vars + 2); the value of each clause's variable (count, n_vars), in the order of the
        clauses in the sentence; and the position of that variable in its chain (count, n_vars), the root being 0.
    """
    letters = generator.permuted(numpy.tile(numpy.arange(26, dtype=numpy.int64), (count, 1)), axis=1)[:, :n_vars]
    negated = generator.integers(0, 2, (count, n_vars))
    negated[:, 0] = 0
    values = (generator.integers(0, 2, (count, 1)) + negated.cumsum(1)) % 2
    order = generator.permuted(numpy.tile(numpy.arange(n_vars), (count, 1)), axis=1)

    sources = numpy.concatenate((IDS["0"] + values[:, :1], IDS["a"] + letters[:, :-1]), axis=1)
    relations = numpy.where(negated == 1, IDS["not"], IDS["val"])
    clauses = numpy.empty((count, n_vars, CLAUSE), dtype=numpy.int64)
    clauses[..., 0] = IDS["a"] + letters
    clauses[..., 1] = IDS["="]
    clauses[..., 2] = relations
    clauses[..., 3] = sources
    clauses[..., 4] = IDS[","]
    clauses = numpy.take_along_axis(clauses, order[..., None], axis=1)
    edge = numpy.ones((count, 1), dtype=numpy.int64)
    tokens = numpy.concatenate((IDS["[CLS]"] * edge, clauses.reshape(count, -1), IDS["[SEP]"] * edge), axis=1)
    return tokens, numpy.take_along_axis(values, order, axis=1), order


class LegoDataset(BatchDataset):
    """Sentences with an answer at each clause's variable.

    Args:
        seed: Seed of the sentences.
        count: Number of sentences.
        n_vars: Variables of each chain.
        n_train_vars: Variables from the root on that are trained.
    """

    def __init__(self, seed: list[int], count: int, n_vars: int, n_train_vars: int) -> None:
        tokens, values, positions = sample(numpy.random.default_rng(seed), count, n_vars)
        self.tokens, self.n_train_vars = tokens.astype(numpy.uint8), n_train_vars
        self.values, self.positions = values.astype(numpy.uint8), positions.astype(numpy.uint8)

    def __len__(self) -> int:
        """See `BatchDataset.__len__`."""
        return len(self.tokens)

    def batch(self, indices: numpy.ndarray) -> Batch:
        """See `BatchDataset.batch`; `groups` is the position in the chain, `loss_mask` what is trained."""
        tokens = torch.from_numpy(self.tokens[indices].astype(numpy.int64))
        labels, groups = torch.full_like(tokens, IGNORED), torch.full_like(tokens, -1)
        labels[:, 1:-1:CLAUSE] = torch.from_numpy(self.values[indices].astype(numpy.int64))
        groups[:, 1:-1:CLAUSE] = torch.from_numpy(self.positions[indices].astype(numpy.int64))
        return {
            "tokens": tokens,
            "labels": labels,
            "groups": groups,
            "loss_mask": (groups >= 0) & (groups < self.n_train_vars),
        }


class Lego(SequenceDataModule):
    """LEGO over the group Z2: the value of each variable, trained on the first of the chain, tested on all.

    A batch also has `groups` (batch, length) int64, the position of the asked variable in its chain (-1 where nothing
    is asked), and `loss_mask` (batch, length) bool, True for the answers that are trained on.

    Args:
        n_vars: Variables of each chain, 2 to 26; a sentence has 5 * n_vars + 2 tokens.
        n_train_vars: Variables, from the root on, that are trained.
        num_train: Training sentences.
        num_val: Validation sentences.
        num_test: Test sentences.
        batch_size: Training examples per batch and rank.
        eval_batch_size: Evaluation examples per batch and rank; default: batch_size.
        num_workers: Processes that build batches; 0: none.
        seed: Seed of the sentences and of their order.
    """

    def __init__(
        self,
        n_vars: int = 12,
        n_train_vars: int = 6,
        num_train: int = 120_000,
        num_val: int = 5_000,
        num_test: int = 12_000,
        batch_size: int = 500,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=eval_batch_size, num_workers=num_workers, seed=seed)
        if not 2 <= n_vars <= 26:
            raise ValueError(f"data.n_vars must lie between 2 and 26, the letters of the alphabet, got {n_vars}")
        if not 1 <= n_train_vars <= n_vars:
            raise ValueError(f"data.n_train_vars must lie between 1 and data.n_vars={n_vars}, got {n_train_vars}")
        self.n_vars, self.n_train_vars = n_vars, n_train_vars
        self.counts = {"train": num_train, "val": num_val, "test": num_test}
        for split, count in self.counts.items():
            if count < 1:
                raise ValueError(f"data.num_{split} must be at least 1, got {count}")

    @property
    def vocab_size(self) -> int:
        """See `VOCABULARY`."""
        return len(VOCABULARY)

    @property
    def num_classes(self) -> int:
        """The values 0 and 1."""
        return 2

    @property
    def max_length(self) -> int:
        """See `SequenceDataModule.max_length`."""
        return CLAUSE * self.n_vars + 2

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

    def build_dataset(self, split: Split) -> LegoDataset:
        """See `SequenceDataModule.build_dataset`; the splits are drawn independently of each other."""
        seed = [self.seed, ("train", "val", "test").index(split)]
        return LegoDataset(seed, self.counts[split], self.n_vars, self.n_train_vars)
