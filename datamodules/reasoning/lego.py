"""LEGO: chains of assignments in shuffled order (Zhang et al., arXiv 2206.04301)."""

from itertools import permutations
from typing import Any, Literal

import numpy
import torch
from torch import Tensor

from datamodules.base import Split
from datamodules.errors import at_least_one
from datamodules.loader import IGNORED, Batch, BatchDataset
from datamodules.reasoning.base import ReasoningDataModule, StreamDataset
from datamodules.reasoning.task import find_name

CLAUSE = 5
"""Tokens of a clause."""
LETTERS = 26
Sentences = tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]


class Group:
    """A finite group: the values of variables are its elements, a clause multiplies by one of them.

    Args:
        product: Number of the element g * h at [g, h]; element 0 is the neutral one.
        relations: The word of a clause for each element; that of the neutral one is `val`.
    """

    def __init__(self, product: numpy.ndarray, relations: tuple[str, ...]) -> None:
        self.product, self.order = product, len(product)
        letters = tuple("abcdefghijklmnopqrstuvwxyz")
        values = tuple(str(value) for value in range(self.order))
        self.vocabulary = ("[PAD]", "[CLS]", "[SEP]", "=", *relations, ",", *values, *letters)
        self.ids = {token: index for index, token in enumerate(self.vocabulary)}
        self.relations = numpy.array([self.ids[relation] for relation in relations])


S3 = list(permutations(range(3)))
GROUPS = {
    "z2": Group(numpy.array([[0, 1], [1, 0]]), ("val", "not")),
    "s3": Group(
        numpy.array([[S3.index(tuple(g[i] for i in h)) for h in S3] for g in S3]), ("val", "g1", "g2", "g3", "g4", "g5")
    ),
}
"""z2: 0 and 1, which `not` exchanges; s3: permutations of 0, 1, 2 in lexicographic order, with (g * h)(i) = g(h(i))."""
VOCABULARY, IDS = GROUPS["z2"].vocabulary, GROUPS["z2"].ids
"""Tokens of Z2 by id, and their ids."""


def sample(
    generator: numpy.random.Generator,
    count: int,
    n_vars: int,
    group: str = "z2",
    min_vars: int | None = None,
    roots: float = 0.0,
) -> Sentences:
    """Draws sentences.

    The root of a chain is `a = val 0 ,` with any value; each further variable is the one before it times an element of
    the group: `b = val a ,` or `b = not a ,` for Z2. The clauses stand in random order between [CLS] and [SEP].

    Args:
        generator: Source of randomness.
        count: Number of sentences.
        n_vars: Variables of the chain, at most 26.
        group: Name of the group; see `GROUPS`.
        min_vars: Each sentence has a random number of variables from min_vars to n_vars; None: all have n_vars.
        roots: Probability of every variable but the first to be the root of another chain; 0: one chain.

    Returns:
        Token ids (count, 5 * n_vars + 2), 0 after the end of a sentence; the value of each clause's variable
        (count, n_vars), in the order of the clauses in the sentence; and the position of that variable in its chain
        (count, n_vars), the root being 0, and -1 after the end.
    """
    algebra = GROUPS[group]
    letters = generator.permuted(numpy.tile(numpy.arange(LETTERS), (count, 1)), axis=1)[:, :n_vars]
    factors = generator.integers(0, algebra.order, (count, n_vars))
    values = factors.copy()  # the root's factor is its value
    root = generator.random((count, n_vars)) < roots if roots else numpy.zeros((count, n_vars), dtype=bool)
    root[:, 0] = True
    for position in range(1, n_vars):
        product = algebra.product[factors[:, position], values[:, position - 1]]
        values[:, position] = numpy.where(root[:, position], factors[:, position], product)
    places = numpy.arange(n_vars) - numpy.maximum.accumulate(numpy.where(root, numpy.arange(n_vars), 0), axis=1)
    order = generator.permuted(numpy.tile(numpy.arange(n_vars), (count, 1)), axis=1)
    lengths = numpy.full((count, 1), n_vars)
    if min_vars is not None and min_vars < n_vars:
        lengths = generator.integers(min_vars, n_vars, (count, 1), endpoint=True)
        # The first clauses of a chain are a chain, too. The others are moved to the end, where they are cut off.
        order = numpy.take_along_axis(order, numpy.argsort(order >= lengths, axis=1, kind="stable"), axis=1)

    clauses = numpy.empty((count, n_vars, CLAUSE), dtype=numpy.int64)
    clauses[..., 0] = algebra.ids["a"] + letters
    clauses[..., 1] = algebra.ids["="]
    clauses[..., 2] = numpy.where(root, algebra.ids["val"], algebra.relations[factors])
    clauses[..., 3] = numpy.where(root, algebra.ids["0"] + values, numpy.roll(clauses[..., 0], 1, axis=1))
    clauses[..., 4] = algebra.ids[","]
    clauses = numpy.take_along_axis(clauses, order[..., None], axis=1)
    edge = numpy.ones((count, 1), dtype=numpy.int64)
    ends = algebra.ids["[CLS]"] * edge, algebra.ids["[SEP]"] * edge
    tokens = numpy.concatenate((ends[0], clauses.reshape(count, -1), ends[1]), axis=1)
    values, end = numpy.take_along_axis(values, order, axis=1), CLAUSE * lengths + 1
    numpy.put_along_axis(tokens, end, algebra.ids["[SEP]"], axis=1)
    tokens[numpy.arange(tokens.shape[1]) > end] = algebra.ids["[PAD]"]
    return tokens, values, numpy.where(order < lengths, numpy.take_along_axis(places, order, axis=1), -1)


def split_bucket(tokens: numpy.ndarray) -> numpy.ndarray:
    """The bucket (count,), 0 to 7, that a hash gives to sentences (count, length): 0 validates, 1 tests."""
    odd = numpy.random.default_rng(0).integers(0, 2**64, tokens.shape[1], dtype=numpy.uint64) | numpy.uint64(1)
    return (tokens.astype(numpy.uint64) * odd).sum(1) >> numpy.uint64(61)


def sample_split(
    generator: numpy.random.Generator, count: int, n_vars: int, group: str, split: Split, **varied: Any
) -> Sentences:
    """Draws sentences of a split.

    Sentences of up to five variables are few enough for a long stream to meet those of the tests. There a hash of its
    tokens says which split a sentence may be in: one eighth of them is for validation, one eighth for testing.
    `varied` are the other arguments of `sample`.
    """
    if n_vars > 5:
        return sample(generator, count, n_vars, group, **varied)
    parts: list[Sentences] = []
    missing = count
    while missing:
        drawn = sample(generator, 2 * missing + 64, n_vars, group, **varied)
        bucket = split_bucket(drawn[0])
        mine = bucket > 1 if split == "train" else bucket == (split == "test")
        parts.append((drawn[0][mine][:missing], drawn[1][mine][:missing], drawn[2][mine][:missing]))
        missing -= len(parts[-1][0])
    tokens, values, positions = (numpy.concatenate(part) for part in zip(*parts, strict=True))
    return tokens, values, positions


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
