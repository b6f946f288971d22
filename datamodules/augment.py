"""Changes to training examples that keep their labels."""

import numpy


def shuffle_arguments(
    tokens: numpy.ndarray, generator: numpy.random.Generator, *, close: int, zero: int
) -> numpy.ndarray:
    """Shuffles the arguments of every operator of a ListOps expression; all its operators are commutative.

    Args:
        tokens: (length,) ids: operators below `close`, the closing bracket `close`, digits from `zero` on.
        generator: Where the order comes from.
        close: Id of the closing bracket.
        zero: Id of the digit 0.

    Returns:
        (length,) ids of an expression with the same value.
    """
    stack: list[list[list[int]]] = [[]]
    for token in tokens.tolist():
        if token < close:
            stack.append([[token]])
        elif token == close:
            operator, *arguments = stack.pop()
            order = generator.permutation(len(arguments))
            stack[-1].append([*operator, *(token for index in order for token in arguments[index]), close])
        else:
            stack[-1].append([token])
    ((expression,),) = stack
    return numpy.array(expression, dtype=tokens.dtype)


def crop_bytes(tokens: numpy.ndarray, generator: numpy.random.Generator, *, length: int) -> numpy.ndarray:
    """A random window of tokens (tokens,), as long as `length` or as the tokens if they are fewer."""
    return tokens[generator.integers(max(0, len(tokens) - length) + 1) :][:length]


def flip_and_shift(image: numpy.ndarray, generator: numpy.random.Generator, *, margin: int = 4) -> numpy.ndarray:
    """Mirrors an image (height, width) left to right half of the time, and shifts it by up to `margin` pixels."""
    if generator.integers(2):
        image = image[:, ::-1]
    down, right = generator.integers(2 * margin + 1, size=2)
    return numpy.pad(image, margin)[down : down + image.shape[0], right : right + image.shape[1]]


def turn_or_mirror(image: numpy.ndarray, generator: numpy.random.Generator) -> numpy.ndarray:
    """One of the eight symmetries of a square image (size, size), each as likely as the others."""
    down, right, exchanged = generator.integers(2, size=3)
    image = image[:: 1 - 2 * down, :: 1 - 2 * right]
    return image.T if exchanged else image
