"""What the reasoning datamodules share: answers reported in groups, trained inside a range and tested beyond it."""

from abc import abstractmethod
from collections.abc import Collection, Sequence

import numpy
import torch

from datamodules.base import SequenceDataModule, Target
from datamodules.loader import IGNORED, Batch, BatchDataset


class ReasoningDataModule(SequenceDataModule):
    """Sequences with answers at some of their positions.

    Beside `tokens` and `mask` a batch has `labels` (batch, length) int64, -100 where nothing is asked; `groups`
    (batch, length) int64, an index into `group_values`, -1 where nothing is asked; and `loss_mask` (batch, length)
    bool, True for the answers that belong to a trained group.
    """

    @property
    def target(self) -> Target:
        """See `SequenceDataModule.target`."""
        return "token"

    @property
    @abstractmethod
    def group_name(self) -> str:
        """What answers are reported by, such as `position` or `length`."""

    @property
    @abstractmethod
    def group_values(self) -> list[int]:
        """The value of each group."""

    @property
    @abstractmethod
    def trained_groups(self) -> list[int]:
        """Indices of the groups that are trained on."""

    @property
    @abstractmethod
    def chance(self) -> float:
        """Accuracy that a guess reaches."""


class StreamDataset(BatchDataset):
    """Draws each batch when it is asked for, and draws other batches in each epoch.

    A batch depends on the seed, the epoch, the number of its first example, and its size. It depends neither on the
    process that draws it nor on the batches before it.

    Args:
        seed: Seed of the examples.
        count: Examples of an epoch.
    """

    def __init__(self, seed: Sequence[int], count: int) -> None:
        self.seed, self.count = list(seed), count

    def __len__(self) -> int:
        """See `BatchDataset.__len__`."""
        return self.count

    @abstractmethod
    def draw(self, generator: numpy.random.Generator, count: int) -> Batch:
        """Draws a batch of `count` examples."""

    def batch(self, indices: numpy.ndarray) -> Batch:
        """See `BatchDataset.batch`."""
        return self.draw(numpy.random.default_rng([*self.seed, self.epoch, int(indices[0])]), len(indices))


def assemble(
    questions: Sequence[numpy.ndarray],
    answers: Sequence[numpy.ndarray],
    groups: Sequence[int] | numpy.ndarray,
    trained: Collection[int],
    query: int,
) -> Batch:
    """Lays out questions for an encoder: the question's tokens, then a query token for each answer, then padding.

    Args:
        questions: Token ids of each question.
        answers: Answers to each question, read at its query tokens in this order; -100 is not scored.
        groups: Group of each question.
        trained: Groups that are trained on.
        query: Token id of a query.
    """
    asked = numpy.array([len(question) for question in questions])
    lengths = asked + [len(answer) for answer in answers]
    shape = (len(questions), int(lengths.max()))
    tokens, labels = numpy.zeros(shape, dtype=numpy.int64), numpy.full(shape, IGNORED)
    for row, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        tokens[row, : asked[row]] = question
        tokens[row, asked[row] : lengths[row]] = query
        labels[row, asked[row] : lengths[row]] = answer
    scored, group = labels != IGNORED, numpy.asarray(groups)[:, None]
    batch = {
        "tokens": torch.from_numpy(tokens),
        "labels": torch.from_numpy(labels),
        "groups": torch.from_numpy(numpy.where(scored, group, -1)),
        "loss_mask": torch.from_numpy(scored & numpy.isin(group, list(trained))),
    }
    mask = numpy.arange(shape[1]) < lengths[:, None]
    return batch if mask.all() else {**batch, "mask": torch.from_numpy(mask)}


class AnsweredDataset(BatchDataset):
    """Questions that are all in memory; see `assemble` for the arguments."""

    def __init__(
        self,
        questions: Sequence[numpy.ndarray],
        answers: Sequence[numpy.ndarray],
        groups: Sequence[int],
        trained: Collection[int],
        query: int,
    ) -> None:
        self.questions, self.answers, self.groups = questions, answers, numpy.asarray(groups)
        self.trained, self.query = trained, query

    def __len__(self) -> int:
        """See `BatchDataset.__len__`."""
        return len(self.questions)

    def batch(self, indices: numpy.ndarray) -> Batch:
        """See `BatchDataset.batch`."""
        chosen = [self.questions[i] for i in indices], [self.answers[i] for i in indices]
        return assemble(*chosen, self.groups[indices], self.trained, self.query)
