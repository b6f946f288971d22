"""Small stand-ins for data that cannot be generated: they can be learned, and say nothing about the benchmark."""

from collections.abc import Sequence

import numpy

WORDS = {
    "both": ["the", "a", "film", "paper", "we", "of", "and", "it"],
    0: ["bad", "dull", "poor"],
    1: ["good", "fine", "great"],
}
TOPICS = ("parsing grammar tree", "speech sound phone", "translation source target", "search query rank")


def pack_bytes(texts: Sequence[bytes], labels: Sequence[int]) -> dict[str, numpy.ndarray]:
    """Packs texts into `tokens` uint8, `offsets` int64 and `labels` uint8. A label may belong to several texts."""
    lengths = numpy.array([len(text) for text in texts], dtype=numpy.int64)
    return {
        "tokens": numpy.frombuffer(b"".join(texts), dtype=numpy.uint8),
        "offsets": numpy.concatenate(([0], lengths.cumsum())),
        "labels": numpy.array(labels, dtype=numpy.uint8),
    }


def _generator(seed: int, part: str) -> numpy.random.Generator:
    return numpy.random.default_rng([seed, *part.encode()])


def _text(generator: numpy.random.Generator, words: Sequence[str]) -> bytes:
    return " ".join(generator.choice(words, size=generator.integers(20, 60))).encode()


def texts(seed: int, part: str, count: int) -> dict[str, numpy.ndarray]:
    """Reviews whose sentiment is in their words."""
    generator = _generator(seed, part)
    labels = generator.integers(2, size=count)
    return pack_bytes([_text(generator, WORDS["both"] + WORDS[int(label)]) for label in labels], labels.tolist())


def pairs(seed: int, part: str, count: int) -> dict[str, numpy.ndarray]:
    """Pairs of texts, about the same topic if the label is 1."""
    generator = _generator(seed, part)
    labels, documents = generator.integers(2, size=count), []
    for label in labels:
        first = int(generator.integers(len(TOPICS)))
        second = first if label else (first + int(generator.integers(1, len(TOPICS)))) % len(TOPICS)
        documents += [_text(generator, WORDS["both"] + TOPICS[topic].split()) for topic in (first, second)]
    return pack_bytes(documents, labels.tolist())


def images(seed: int, part: str, count: int) -> dict[str, numpy.ndarray]:
    """Noisy stripes in one of ten directions, (count, 32, 32) uint8."""
    generator = _generator(seed, part)
    labels = generator.integers(10, size=count)
    angles = numpy.pi * labels[:, None, None] / 10
    y, x = numpy.mgrid[:32, :32]
    stripes = numpy.sin(numpy.cos(angles) * x + numpy.sin(angles) * y + generator.uniform(0, 6, (count, 1, 1)))
    noisy = 127.5 + 80 * stripes + generator.normal(0, 30, stripes.shape)
    return {"images": numpy.clip(noisy, 0, 255).astype(numpy.uint8), "labels": labels.astype(numpy.uint8)}
