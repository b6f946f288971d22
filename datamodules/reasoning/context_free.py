"""The deterministic context-free tasks of the Chomsky-hierarchy benchmark: a stack is enough."""

import numpy

from datamodules.reasoning.task import LengthTask, Sample, digits, terminated

MODULUS = 5
PLUS, MINUS = MODULUS, MODULUS + 1


def expressions(
    generator: numpy.random.Generator, length: int, count: int, operators: tuple[int, ...], opening: int
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Draws bracketed expressions of one length. All are drawn at once, level by level of their trees.

    An expression of length 1 to 4 is `d`, `-d`, `(d)` or `(-d)`; a longer one `(left operator right)` with a uniform
    length of left between 1 and length - 4.

    Args:
        generator: Source of randomness.
        length: Symbols of each expression.
        count: Number of expressions.
        operators: Symbols to choose from: of +, - and, as the third, *.
        opening: Symbol of the opening bracket; that of the closing one is the next.

    Returns:
        Symbols (count, length) int64 and values (count,) int64 modulo 5.
    """
    symbols = numpy.empty((count, length), dtype=numpy.int64)
    row, start, size = numpy.arange(count), numpy.zeros(count, dtype=numpy.int64), numpy.full(count, length)
    levels = []
    while len(row):
        bracketed = size >= 3
        symbols[row[bracketed], start[bracketed]] = opening
        symbols[row[bracketed], (start + size - 1)[bracketed]] = opening + 1

        leaf, negative = size <= 4, (size == 2) | (size == 4)
        digit, inner = generator.integers(0, MODULUS, len(row)), start + bracketed
        symbols[row[negative], inner[negative]] = MINUS
        symbols[row[leaf], (inner + negative)[leaf]] = digit[leaf]
        values = numpy.where(negative, -digit, digit) % MODULUS

        row, start, size = row[~leaf], start[~leaf], size[~leaf]
        left = generator.integers(1, size - 3)
        choice = generator.integers(0, len(operators), len(row))
        symbols[row, start + 1 + left] = numpy.array(operators)[choice]
        levels.append((values, ~leaf, choice))
        row = numpy.concatenate((row, row))
        start = numpy.concatenate((start + 1, start + 2 + left))
        size = numpy.concatenate((left, size - left - 3))

    below = numpy.empty(0, dtype=numpy.int64)
    for values, branch, choice in reversed(levels):
        first, second = below[: len(choice)], below[len(choice) :]
        values[branch] = numpy.choose(choice, (first + second, first - second, first * second)) % MODULUS
        below = values
    return symbols, below


class ModularArithmeticBrackets(LengthTask):
    """The value modulo 5 of a bracketed expression with +, - and *."""

    name = "modular_arithmetic_brackets"
    alphabet = (*"01234", "+", "-", "*", "(", ")")
    num_classes = MODULUS
    chance = 0.2

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question, values = expressions(generator, length, count, (PLUS, MINUS, MINUS + 1), MINUS + 2)
        return question, values[:, None]


class SolveEquation(LengthTask):
    """The digit that `x` stands for in an equation modulo 5, such as `(x+(-3))=4`; it is unique.

    The left side is a bracketed expression with + and -, in which `x` replaces the digit at, or next after, a uniform
    position. There is no equation of length 1 or 2: those questions are all `0` with answer 0, as in the benchmark.
    """

    name = "solve_equation"
    alphabet = (*"01234", "+", "-", "(", ")", "x", "=")
    num_classes = MODULUS
    chance = 0.2

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        if length < 3:
            return numpy.zeros((count, length), dtype=numpy.int64), numpy.zeros((count, 1), dtype=numpy.int64)
        left, values = expressions(generator, length - 2, count, (PLUS, MINUS), MINUS + 1)
        position = generator.integers(0, length - 2, count)
        distance = (numpy.arange(length - 2) - position[:, None]) % (length - 2)
        chosen = numpy.where(left < MODULUS, distance, length).argmin(1)[:, None]
        solution = numpy.take_along_axis(left, chosen, axis=1)
        numpy.put_along_axis(left, chosen, self.alphabet.index("x"), axis=1)
        equals = numpy.full((count, 1), self.alphabet.index("="))
        return numpy.concatenate((left, equals, values[:, None]), axis=1), solution


class ReverseString(LengthTask):
    """A binary string backwards."""

    name = "reverse_string"

    def output_length(self, length: int) -> int:
        """As long as the string."""
        return length

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, 2, count, length)
        return question, question[:, ::-1].copy()


class StackManipulation(LengthTask):
    """What is on a stack in the end, from the top, then a terminator (2).

    The question is the stack at first, from the bottom, with a uniform number of symbols between 1 and length - 1,
    then actions; pop on an empty stack does nothing. What follows the terminator is not scored.
    """

    name = "stack_manipulation"
    alphabet = ("0", "1", "pop", "push 0", "push 1")
    num_classes = 3

    def output_length(self, length: int) -> int:
        """Room for the largest stack and a terminator after it."""
        return length + 1

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        filled = generator.integers(1, length, count) if length > 1 else numpy.ones(count, dtype=numpy.int64)
        actions = 2 + digits(generator, 3, count, length)
        question = numpy.where(numpy.arange(length) < filled[:, None], digits(generator, 2, count, length), actions)

        rows, height = numpy.arange(count), numpy.zeros(count, dtype=numpy.int64)
        stack = numpy.zeros((count, length + 1), dtype=numpy.int64)
        for symbol in question.T:
            pushed = symbol != 2
            # Where nothing is pushed, this writes above the top, which is free.
            stack[rows, height] = symbol % 3
            height = numpy.where(pushed, height + 1, numpy.maximum(height - 1, 0))
        from_top = numpy.maximum(height[:, None] - 1 - numpy.arange(length + 1), 0)
        return question, terminated(numpy.take_along_axis(stack, from_top, axis=1), height, 2)
