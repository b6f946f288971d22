"""The order of the examples in an epoch, decided by the seed and the epoch alone."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy
from torch.utils.data import Sampler

from datamodules.buckets import round_up


class Rounded(NamedTuple):
    """A batch that is to be padded.

    Attributes:
        indices: (batch,) int64, which examples.
        length: The length to which they are padded.
    """

    indices: numpy.ndarray
    length: int


class EpochBatches(Sampler[numpy.ndarray | Rounded]):
    """The batches of one rank, as arrays of indices, `Rounded` if batches may have certain lengths only.

    Training: a permutation decided by seed and epoch, full batches only (one short batch if there are fewer examples).
    Evaluation: every example once, in order; -1 fills up what is missing to give all ranks the same number.

    If bucketed, batches hold examples of similar length. Training: the permutation is cut into pools of `POOL` global
    batches, each is sorted by length and cut into batches, and the batches are shuffled. Evaluation: the examples are
    sorted by length.

    Args:
        count: Number of examples.
        batch_size: Examples per batch and rank.
        training: Shuffle and drop the last incomplete batch; otherwise every example once.
        seed: Seed of the order.
        rank: This process.
        world_size: Number of processes.
        lengths: (examples,) lengths of the examples, or None if they are not known.
        bucketed: Put examples of similar length together, if lengths are known.
        allowed: Increasing lengths to one of which batches are padded, all ranks of a step to the same. Evaluation
            batches then have one size: the last is filled up with -1. If None, any length may occur.
        repeating: Let every epoch be the first, so that a model can be made to fit a few batches.
        classes: (examples,) classes, of which each epoch of a training has equally many examples: those of rare
            classes come several times, and some of frequent ones are left out until another epoch. If None, every
            example comes once.
    """

    POOL = 50

    def __init__(
        self,
        count: int,
        batch_size: int,
        *,
        training: bool,
        seed: int,
        rank: int,
        world_size: int,
        lengths: numpy.ndarray | None = None,
        bucketed: bool = False,
        allowed: tuple[int, ...] | None = None,
        repeating: bool = False,
        classes: numpy.ndarray | None = None,
    ) -> None:
        self.classes = classes if training else None
        self.count, self.training, self.seed, self.lengths = count, training, seed, lengths
        self.rank, self.world_size = rank, world_size
        self.bucketed, self.allowed = bucketed and lengths is not None, allowed
        share = count // world_size if training else -(-count // world_size)
        if not share:
            raise ValueError(f"{count} examples are too few for {world_size} ranks; use fewer devices or more data")
        self.batch_size = max(1, min(batch_size, share))
        self.batches = share // self.batch_size if training else -(-share // self.batch_size)
        self.filled = world_size * (share if allowed is None else self.batches * self.batch_size)
        self.repeating, self.epoch, self.start = repeating, 0, 0

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, which decides the order; the trainer calls it before each epoch."""
        self.epoch = 0 if self.repeating else epoch

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        return self.batches

    def __iter__(self) -> Iterator[numpy.ndarray | Rounded]:
        """Yields the batches from number `start` on, which then is 0 again."""
        order = self._order()
        first, self.start = self.start, 0
        together = self.batch_size * self.world_size
        for number in range(first, self.batches):
            whole = order[number * together : (number + 1) * together]
            mine = whole[self.rank :: self.world_size]
            yield mine if self.lengths is None or not self._rounds else Rounded(mine, self.length_of(whole))

    @property
    def _rounds(self) -> bool:
        return self.allowed is not None and len(self.allowed) > 1

    def length_of(self, indices: numpy.ndarray) -> int:
        """The length, in tokens, of a batch of the examples at indices (batch,) int64; an index of -1 is no example."""
        assert self.lengths is not None
        return round_up(int(self.lengths[indices[indices >= 0]].max()), self.allowed or ())

    def padded_share(self) -> float:
        """The share of padding among the tokens of this epoch's batches, if the lengths are known."""
        assert self.lengths is not None
        chosen = [each.indices if isinstance(each, Rounded) else each for each in self]
        valid = sum(int(self.lengths[each[each >= 0]].sum()) for each in chosen)
        return 1.0 - valid / sum(self.length_of(each) * len(each) for each in chosen)

    def _order(self) -> numpy.ndarray:
        """All examples of this epoch, global batch after global batch; -1 where an evaluation is filled up."""
        order = numpy.arange(self.count)
        if self.training:
            generator = numpy.random.default_rng([self.seed, self.epoch])
            order = generator.permutation(self.count) if self.classes is None else balanced(self.classes, generator)
            return self._bucketed(order, generator) if self.bucketed else order
        if self.bucketed:
            order = numpy.argsort(numpy.asarray(self.lengths), kind="stable")
        return numpy.concatenate((order, numpy.full(self.filled - len(order), -1)))

    def _bucketed(self, order: numpy.ndarray, generator: numpy.random.Generator) -> numpy.ndarray:
        assert self.lengths is not None
        together = self.batch_size * self.world_size
        order = order[: self.batches * together]
        pools = [order[start : start + self.POOL * together] for start in range(0, len(order), self.POOL * together)]
        order = numpy.concatenate([pool[numpy.argsort(self.lengths[pool], kind="stable")] for pool in pools])
        return generator.permutation(order.reshape(self.batches, together)).ravel()


def balanced(classes: numpy.ndarray, generator: numpy.random.Generator) -> numpy.ndarray:
    """As many indices as there are examples, with equally many of each class, up to one, in random order.

    Args:
        classes: (examples,) classes.
        generator: Where the order comes from.
    """
    groups = [numpy.flatnonzero(classes == each) for each in numpy.unique(classes)]
    wanted = numpy.full(len(groups), len(classes) // len(groups))
    wanted[generator.permutation(len(groups))[: len(classes) % len(groups)]] += 1
    chosen = []
    for group, number in zip(groups, wanted, strict=True):
        # Every example of a class comes as often as any other of it, up to one.
        rounds = [generator.permutation(group) for _ in range(-(-int(number) // len(group)))]
        chosen.append(numpy.concatenate([*rounds, group[:0]])[:number])
    return generator.permutation(numpy.concatenate(chosen))
