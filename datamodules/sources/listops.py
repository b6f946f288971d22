"""ListOps expressions, drawn as the generator of the Long Range Arena draws them (lra_benchmarks/data/listops.py)."""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy

from datamodules.bars import bar
from datamodules.workers import start_pool

TOKENS = ("[MIN", "[MAX", "[MED", "[SM", "]", *"0123456789")
IDS = {token: index + 1 for index, token in enumerate(TOKENS)}
"""Token ids; 0 is padding."""
CLOSE, ZERO = IDS["]"], IDS["0"]
OPERATORS = ("[MIN", "[MAX", "[MED", "[SM")
VALUE_PROBABILITY = 0.75
SHARD = 500


@dataclass(frozen=True)
class Settings:
    """What the distribution of expressions depends on."""

    min_length: int = 500
    """Expressions are longer than this, counted in tokens."""
    max_length: int = 2000
    """Expressions are shorter than this."""
    max_depth: int = 10
    max_args: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_args < 2:
            raise ValueError(f"data.max_args must be at least 2, got {self.max_args}")
        if self.max_depth < 1:
            raise ValueError(f"data.max_depth must be at least 1, got {self.max_depth}")
        if not 0 <= self.min_length < self.max_length - 1:
            raise ValueError(
                f"no length lies strictly between data.min_length={self.min_length} and "
                f"data.max_length={self.max_length}; lower one or raise the other"
            )


class _TooLong(Exception):
    pass


def evaluate(operator: str, values: list[int]) -> int:
    """The value of an operator on digits; the median of an even number is rounded down, the sum is taken modulo 10."""
    if operator == "[MIN":
        return min(values)
    if operator == "[MAX":
        return max(values)
    if operator == "[SM":
        return sum(values) % 10
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def draw(generator: random.Random, settings: Settings) -> tuple[bytes, int] | None:
    """Draws one expression, as token ids, and its value; None if its length is not accepted."""
    uniform, integer = generator.random, generator.randrange
    tokens = bytearray()

    def grow(depth: int) -> int:
        if depth >= settings.max_depth or uniform() < VALUE_PROBABILITY:
            value = integer(10)
            tokens.append(ZERO + value)
        else:
            start = len(tokens)
            tokens.append(0)
            values = [grow(depth + 1) for _ in range(integer(2, settings.max_args + 1))]
            operator = OPERATORS[integer(4)]
            tokens[start] = IDS[operator]
            tokens.append(CLOSE)
            value = evaluate(operator, values)
        if len(tokens) >= settings.max_length:
            raise _TooLong
        return value

    try:
        value = grow(1)
    except _TooLong:
        return None
    return (bytes(tokens), value) if len(tokens) > settings.min_length else None


def shard(settings: Settings, number: int) -> list[tuple[bytes, int]]:
    """The `number`-th block of accepted expressions, which depends on the settings alone.

    Raises:
        ValueError: If the settings hardly ever give an accepted length.
    """
    generator, tries = random.Random(f"{settings.seed}/{number}"), 0
    accepted: list[tuple[bytes, int]] = []
    while len(accepted) < SHARD:
        expression = draw(generator, settings)
        tries += 1
        if expression is not None:
            accepted.append(expression)
        elif tries >= 2_000_000 and len(accepted) < SHARD // 10:
            raise ValueError(
                f"hardly any expression of at most {settings.max_depth} levels and {settings.max_args} arguments has "
                f"{settings.min_length + 1} to {settings.max_length - 1} tokens; give other lengths, data.max_depth or "
                "data.max_args"
            )
    return accepted


def generate(settings: Settings, count: int, workers: int = 1) -> list[tuple[bytes, int]]:
    """The first `count` different expressions, whatever the number of workers.

    Raises:
        ValueError: If there are not that many different expressions, or none of the wanted length.
    """
    unique: dict[bytes, int] = {}
    stale = 0
    with bar(total=count, desc="ListOps", unit=" expressions", disable=count < 5 * SHARD) as progress:
        for block in _shards(settings, workers if count >= 20 * SHARD else 1):
            before = len(unique)
            for tokens, value in block:
                if len(unique) < count:
                    unique.setdefault(tokens, value)
            progress.update(len(unique) - before)
            if len(unique) == count:
                return list(unique.items())
            stale = stale + 1 if len(unique) - before < SHARD // 100 else 0
            if stale == 20:
                raise ValueError(f"{settings} gives about {len(unique)} different expressions, {count} are wanted")
    raise AssertionError("the shards never end")


def _shards(settings: Settings, workers: int) -> Iterator[list[tuple[bytes, int]]]:
    if workers <= 1:
        number = 0
        while True:
            yield shard(settings, number)
            number += 1
    with start_pool(workers) as pool:
        draw_shard = partial(shard, settings)
        pending = [pool.submit(draw_shard, number) for number in range(2 * workers)]
        number = len(pending)
        try:
            while True:
                block = pending.pop(0).result()
                pending.append(pool.submit(draw_shard, number))
                number += 1
                yield block
        finally:
            for future in pending:
                future.cancel()


def pack(expressions: list[tuple[bytes, int]]) -> dict[str, numpy.ndarray]:
    """Packs expressions into `tokens` uint8, `offsets` int64 and `labels` uint8."""
    lengths = numpy.array([len(tokens) for tokens, _ in expressions], dtype=numpy.int64)
    return {
        "tokens": numpy.frombuffer(b"".join(tokens for tokens, _ in expressions), dtype=numpy.uint8),
        "offsets": numpy.concatenate(([0], lengths.cumsum())),
        "labels": numpy.array([value for _, value in expressions], dtype=numpy.uint8),
    }


def cache_key(settings: Settings, counts: tuple[int, ...]) -> dict[str, Any]:
    """All that generated splits depend on."""
    return {"source": "listops generator", "version": 1, **asdict(settings), "counts": list(counts)}
