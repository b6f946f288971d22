"""The context-sensitive tasks of the Chomsky-hierarchy benchmark."""

import math

import numpy

from datamodules.reasoning.task import LengthTask, Sample, digits, terminated


def to_integers(bits: numpy.ndarray) -> list[int]:
    """The numbers whose bits are the rows of (count, length), lowest first, of any size."""
    return [int.from_bytes(row.tobytes(), "little") for row in numpy.packbits(bits == 1, axis=1, bitorder="little")]


def to_bits(numbers: list[int], length: int) -> numpy.ndarray:
    """The bits (count, length) int64 of numbers, lowest first."""
    width = -(-length // 8)
    packed = numpy.frombuffer(b"".join(n.to_bytes(width, "little") for n in numbers), dtype=numpy.uint8)
    bits = numpy.unpackbits(packed.reshape(len(numbers), width), axis=1, count=length, bitorder="little")
    return bits.astype(numpy.int64)


def operands(generator: numpy.random.Generator, length: int, count: int) -> tuple[numpy.ndarray, list[int], list[int]]:
    """Draws two positive binary numbers, lowest bit first, with an operator (2) between them.

    Of the length - 1 bits, the first number has a uniform number between 1 and length - 2; all its positive values are
    equally likely, and so are the second's.

    Returns:
        Symbols (count, length) int64, the first numbers and the second numbers.
    """
    split = generator.integers(1, length - 1, count)
    columns = numpy.arange(length)
    question = digits(generator, 2, count, length)
    for side in (columns < split[:, None], columns > split[:, None]):
        # Both sides are redrawn until they are positive; a side of one bit needs two draws on average.
        while len(zero := numpy.flatnonzero(~((question == 1) & side).any(1))):
            question[zero] = numpy.where(side[zero], digits(generator, 2, len(zero), length), question[zero])
    first = to_integers(question * (columns < split[:, None]))
    both = to_integers(question * (columns != split[:, None]))
    second = [number >> int(bits) + 1 for number, bits in zip(both, split, strict=True)]
    question[numpy.arange(count), split] = 2
    return question, first, second


def bit_lengths(numbers: list[int]) -> numpy.ndarray:
    """Number of bits (count,) that write each number; zero has one."""
    return numpy.array([max(1, number.bit_length()) for number in numbers])


class BinaryAddition(LengthTask):
    """The sum of two binary numbers, lowest bit first and without zeros after the highest, then a terminator (2).

    What follows the terminator is not scored. A question of length 1 or 2 is a single number, and its own answer.
    """

    name = "binary_addition"
    alphabet = ("0", "1", "+")
    num_classes = 3

    def output_length(self, length: int) -> int:
        """Room for a terminator."""
        return length + 1

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        if length <= 2:  # the benchmark leaves out the largest number
            results = generator.integers(0, 2**length - 1, count).tolist()
            question = to_bits(results, length)
        else:
            question, first, second = operands(generator, length, count)
            results = [a + b for a, b in zip(first, second, strict=True)]
        return question, terminated(to_bits(results, length + 1), bit_lengths(results), 2)


class BinaryMultiplication(LengthTask):
    """The product of two binary numbers, lowest bit first and without zeros after the highest, then a terminator (2).

    What follows the terminator is not scored. A question of length 1 or 2 is a single number; the answer is the
    terminator alone, or one 0 and the terminator, as in the benchmark.
    """

    name = "binary_multiplication"
    alphabet = ("0", "1", "*")
    num_classes = 3

    def output_length(self, length: int) -> int:
        """As long as the question: a product has no more bits than its factors, and room for a terminator is left."""
        return length

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        if length <= 2:
            question = to_bits(generator.integers(0, 2**length - 1, count).tolist(), length)
            answers = terminated(numpy.zeros_like(question), numpy.full(count, length - 1), 2)
            return question, answers
        question, first, second = operands(generator, length, count)
        results = [a * b for a, b in zip(first, second, strict=True)]
        return question, terminated(to_bits(results, length), bit_lengths(results), 2)


class ComputeSqrt(LengthTask):
    """The square root, rounded down, of a positive binary number; both highest bit first, the root in half the bits."""

    name = "compute_sqrt"

    def output_length(self, length: int) -> int:
        """Half as long as the number, rounded up."""
        return -(-length // 2)

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, 2, count, length)
        while len(zero := numpy.flatnonzero(~question.any(1))):
            question[zero] = digits(generator, 2, len(zero), length)
        roots = [math.isqrt(number) for number in to_integers(question[:, ::-1])]
        return question, to_bits(roots, self.output_length(length))[:, ::-1].copy()


class DuplicateString(LengthTask):
    """A binary string, twice."""

    name = "duplicate_string"

    def output_length(self, length: int) -> int:
        """Twice as long as the string."""
        return 2 * length

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, 2, count, length)
        return question, numpy.concatenate((question, question), axis=1)


class MissingDuplicate(LengthTask):
    """The bit that is missing (`_`) in a binary string written twice.

    An odd length ends with the filler `.`. The question of length 1 is `1` with answer 1, as in the benchmark.
    """

    name = "missing_duplicate_string"
    alphabet = ("0", "1", "_", ".")

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        if length == 1:
            return numpy.ones((count, 1), dtype=numpy.int64), numpy.ones((count, 1), dtype=numpy.int64)
        string = digits(generator, 2, count, length // 2)
        filler = numpy.full((count, length % 2), 3)
        question = numpy.concatenate((string, string, filler), axis=1)
        missing = generator.integers(0, 2 * (length // 2), (count, 1))
        answer = numpy.take_along_axis(question, missing, axis=1)
        numpy.put_along_axis(question, missing, 2, axis=1)
        return question, answer


class OddsFirst(LengthTask):
    """A binary string with its first, third, fifth ... symbol moved before its second, fourth, sixth ...

    The paper defines it so, while its released code puts the second, fourth, sixth ... symbol first.
    """

    name = "odds_first"

    def output_length(self, length: int) -> int:
        """As long as the string."""
        return length

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, 2, count, length)
        return question, numpy.concatenate((question[:, ::2], question[:, 1::2]), axis=1)


class BucketSort(LengthTask):
    """A string over five symbols, sorted."""

    name = "bucket_sort"
    alphabet = tuple("01234")
    num_classes = 5
    chance = 0.2

    def output_length(self, length: int) -> int:
        """As long as the string."""
        return length

    def draw(self, generator: numpy.random.Generator, length: int, count: int) -> Sample:
        """See `LengthTask.draw`."""
        question = digits(generator, 5, count, length)
        return question, numpy.sort(question, axis=1)
