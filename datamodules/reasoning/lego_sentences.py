"""The sentences of LEGO, and how they are drawn."""

from itertools import permutations
from typing import Any

import numpy

from datamodules.base import Split

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
