"""The regular tasks of the Chomsky-hierarchy benchmark: a finite memory is enough."""

import numpy

from datamodules.reasoning.task import LengthTask, Sample, digits


class EvenPairs(LengthTask):
    """Whether the number of neighbours that differ, `01` or `10`, is even (0) or odd (1)."""

    name = "even_pairs"

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, 2, count, length)
        return question, (question[:, :-1] ^ question[:, 1:]).sum(1, keepdims=True) % 2


class ParityCheck(LengthTask):
    """Whether the number of ones is even (0) or odd (1)."""

    name = "parity_check"

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, 2, count, length)
        return question, question.sum(1, keepdims=True) % 2


class CycleNavigation(LengthTask):
    """Where a walk ends that starts at 0 of a cycle of five places; its steps are -1, 0 and 1."""

    name = "cycle_navigation"
    alphabet = ("-1", "0", "1")
    num_classes = 5
    chance = 0.2

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, 3, count, length)
        return question, (question - 1).sum(1, keepdims=True) % 5


class ModularArithmeticExpression(LengthTask):
    """The value of a sum of signed products, such as `1 + 2 * 3 - 4`, modulo `modulus`; multiplication binds tighter.

    Such an expression has an odd length: an even length is shortened by one, as in the benchmark.
    """

    name = "modular_arithmetic"

    def __init__(self, modulus: int = 5) -> None:
        if modulus < 2:
            raise ValueError(f"data.modulus must be at least 2, got {modulus}")
        self.modulus = self.num_classes = modulus
        self.alphabet = (*(str(digit) for digit in range(modulus)), "+", "-", "*")
        self.chance = 1 / modulus

    def input_length(self, length: int) -> int:
        """The next odd length below."""
        return length - (length + 1) % 2

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = numpy.empty((count, self.input_length(length)), dtype=numpy.int64)
        numbers = digits(generator, self.modulus, count, question.shape[1] // 2 + 1)
        operators = digits(generator, 3, count, question.shape[1] // 2)
        question[:, ::2], question[:, 1::2] = numbers, self.modulus + operators
        total, product = numpy.zeros(count, dtype=numpy.int64), numbers[:, 0]
        for operator, number in zip(operators.T, numbers.T[1:], strict=True):
            times = operator == 2
            total = numpy.where(times, total, total + product)
            product = numpy.where(times, product * number, numpy.where(operator == 1, -number, number)) % self.modulus
        return question, ((total + product) % self.modulus)[:, None]
