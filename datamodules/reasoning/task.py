"""What a length-generalisation task is: a pure function that draws questions of one length with their answers."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import ClassVar

import numpy

from datamodules.loader import IGNORED

Sample = tuple[numpy.ndarray, numpy.ndarray]


class LengthTask(ABC):
    """Draws questions of one length and their answers.

    Symbols are counted from 0, separately for questions and answers. An encoder reads the question followed by
    `output_length(length)` query tokens, and answers at the queries (Delétang et al., arXiv 2207.02098, section 4).
    """

    name: ClassVar[str]
    """The name in the benchmark."""
    alphabet: tuple[str, ...] = ("0", "1")
    """The symbols of a question."""
    num_classes: int = 2
    """The number of different answers."""
    chance: float = 0.5
    """Accuracy of a guess, as the benchmark counts it; a terminator, being one symbol of many, is not counted in."""

    @abstractmethod
    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `sample`; length and count have been checked."""

    def output_length(self, length: int) -> int:
        """Number of answers to a question of this length."""
        return 1

    def input_length(self, length: int) -> int:
        """Number of symbols of a question of this length; another number where a task has no question so long."""
        return length

    def sample(self, generator: numpy.random.Generator, length: int, count: int = 1) -> Sample:
        """Draws `count` questions of one length.

        Args:
            generator: Source of randomness.
            length: Length of the question, at least 1.
            count: Number of questions, at least 1.

        Returns:
            The questions (count, input_length(length)) and their answers (count, output_length(length)), both int64;
            an answer of -100 is not scored.

        Raises:
            ValueError: If length or count is below 1.
        """
        for argument, value in (("length", length), ("count", count)):
            if value < 1:
                raise ValueError(f"{argument} must be at least 1, got {value}")
        return self.draw(generator, length, count)


def digits(generator: numpy.random.Generator, base: int, count: int, length: int) -> numpy.ndarray:
    """Uniform symbols (count, length) int64 below `base`."""
    return generator.integers(0, base, (count, length))


def terminated(symbols: numpy.ndarray, lengths: numpy.ndarray, terminator: int) -> numpy.ndarray:
    """Puts a terminator after the first `lengths` (count,) symbols of each row. What follows it is not scored."""
    columns = numpy.arange(symbols.shape[1])
    answers = numpy.where(columns < lengths[:, None], symbols, IGNORED)
    return numpy.where(columns == lengths[:, None], terminator, answers)


def find_name(name: str, known: Collection[str], argument: str) -> str:
    """The name itself, if it is known.

    Raises:
        ValueError: If it is not; names the argument and lists the known ones, similar names first.
    """
    if name in known:
        return name
    close = get_close_matches(str(name), known, n=3, cutoff=0.5)
    names = ", ".join([*close, *(other for other in sorted(known) if other not in close)])
    raise ValueError(f"unknown {argument} {name!r}; known: {names}")


def score(accuracy_by_length: Mapping[int, float], max_train_length: int = 40) -> float:
    """The published score: mean accuracy over all tested lengths beyond those trained on.

    Each length counts the same, however many answers it has (Delétang et al., arXiv 2207.02098, section 4: trained on
    lengths 1 to 40, scored on 41 to 500). The paper's headline figures are the best of ten seeds.

    Args:
        accuracy_by_length: Accuracy of each tested length.
        max_train_length: Longest trained length.

    Raises:
        ValueError: If no tested length lies beyond it.
    """
    beyond = [accuracy for length, accuracy in accuracy_by_length.items() if length > max_train_length]
    if not beyond:
        raise ValueError(f"no tested length lies beyond max_train_length={max_train_length}; test longer sequences")
    return float(numpy.mean(beyond))
