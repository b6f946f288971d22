"""The copy and addition family: strings over more symbols, and decimal addition."""

from typing import Any, ClassVar

import numpy

from datamodules.reasoning.length import LengthGeneralization
from datamodules.reasoning.regular import ModularArithmeticExpression, ParityCheck
from datamodules.reasoning.task import LengthTask, Sample, digits


class StringTask(LengthTask):
    """A task on strings over `symbols` symbols, whose answer is as long as the string.

    Args:
        symbols: Number of different symbols, at least 2.
    """

    def __init__(self, symbols: int = 10) -> None:
        if symbols < 2:
            raise ValueError(f"data.symbols must be at least 2, got {symbols}")
        self.alphabet = tuple(str(symbol) for symbol in range(symbols))
        self.num_classes, self.chance = symbols, 1 / symbols

    def output_length(self, length: int) -> int:
        """As long as the string."""
        return length


class CopyTask(StringTask):
    """The string itself."""

    name = "copy"

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, self.num_classes, count, length)
        return question, question.copy()


class ReverseTask(StringTask):
    """The string backwards."""

    name = "reverse"

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, self.num_classes, count, length)
        return question, question[:, ::-1].copy()


class SortTask(StringTask):
    """The string, sorted."""

    name = "sort"

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, self.num_classes, count, length)
        return question, numpy.sort(question, axis=1)


class AdditionTask(LengthTask):
    """The sum of two decimal numbers of `length` digits each, lowest digit first, with one more digit.

    The question is `first + second`; each digit is uniform, so numbers may have leading zeros.
    """

    name = "addition"
    alphabet = (*"0123456789", "+")
    num_classes = 10
    chance = 0.1

    def input_length(self, length: int) -> int:
        """Two numbers and the operator between them."""
        return 2 * length + 1

    def output_length(self, length: int) -> int:
        """One digit more than a number has."""
        return length + 1

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        first, second = digits(generator, 10, count, length), digits(generator, 10, count, length)
        answers = numpy.zeros((count, length + 1), dtype=numpy.int64)
        for column in range(length):
            total = first[:, column] + second[:, column] + answers[:, column]
            answers[:, column], answers[:, column + 1] = total % 10, total // 10
        plus = numpy.full((count, 1), self.alphabet.index("+"))
        return numpy.concatenate((first, plus, second), axis=1), answers


class _OnStrings(LengthGeneralization):
    """A task on strings over some symbols.

    Args:
        symbols: Number of different symbols.
        max_train_length: Longest trained question.
        max_test_length: Longest tested question.
        options: See `LengthGeneralization`.
    """

    asked: ClassVar[type[StringTask]]

    def __init__(
        self, symbols: int = 10, max_train_length: int = 20, max_test_length: int = 40, **options: Any
    ) -> None:
        super().__init__(
            self.asked(symbols), max_train_length=max_train_length, max_test_length=max_test_length, **options
        )


class Copy(_OnStrings):
    """Copying a string: the answer is the string itself."""

    asked = CopyTask


class Reverse(_OnStrings):
    """Reversing a string."""

    asked = ReverseTask


class Sort(_OnStrings):
    """Sorting a string."""

    asked = SortTask


class Addition(LengthGeneralization):
    """Adding two decimal numbers, lowest digit first; a length is the number of digits of each.

    Args:
        max_train_length: Longest trained question.
        max_test_length: Longest tested question.
        options: See `LengthGeneralization`.
    """

    def __init__(self, max_train_length: int = 20, max_test_length: int = 40, **options: Any) -> None:
        super().__init__(AdditionTask(), max_train_length=max_train_length, max_test_length=max_test_length, **options)


class Parity(LengthGeneralization):
    """Whether the number of ones is odd.

    Args:
        max_train_length: Longest trained question.
        max_test_length: Longest tested question.
        options: See `LengthGeneralization`.
    """

    def __init__(self, max_train_length: int = 20, max_test_length: int = 40, **options: Any) -> None:
        super().__init__(ParityCheck(), max_train_length=max_train_length, max_test_length=max_test_length, **options)


class ModularArithmetic(LengthGeneralization):
    """The value of an expression with +, - and *, modulo a number.

    Args:
        modulus: The number.
        max_train_length: Longest trained question.
        max_test_length: Longest tested question.
        options: See `LengthGeneralization`.
    """

    def __init__(self, modulus: int = 5, max_train_length: int = 20, max_test_length: int = 40, **options: Any) -> None:
        super().__init__(
            ModularArithmeticExpression(modulus),
            max_train_length=max_train_length,
            max_test_length=max_test_length,
            **options,
        )
