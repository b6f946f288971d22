"""Pathfinder images, drawn by the algorithm of Linsley et al. (arXiv 1805.08315) with the arena's settings.

Two dashed lines of equal length grow in lock-step from seeds at a given distance; shorter lines distract. A round
marker stands at the first end of one line, another at the last end of the same line (label 1) or of the other (0).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy
import PIL.Image
import PIL.ImageDraw

from datamodules.bars import bar
from datamodules.sources.dashes import FINE, Canvas, Dash, DeadEndError, Point, Size, grow_distractor, grow_targets
from datamodules.workers import start_pool

FOLDERS = {
    "easy": "curv_baseline",
    "intermediate": "curv_contour_length_9",
    "hard": "curv_contour_length_14",
    "graded": "graded",
}
"""The released sets, by difficulty; graded images, which get harder dash by dash, are our own."""

MOST = 14
DASHES = {"easy": (6,), "intermediate": (9,), "hard": (MOST,), "graded": tuple(range(1, MOST + 1))}
"""How many dashes the two lines of an image may have; distracting lines have a third, one at least."""

SHARD = 500
"""Images that a worker draws at a time, and that a folder of the release holds."""

Shard = tuple[numpy.ndarray, numpy.ndarray]


# Numbers of distractors and brightness at 64 and 128 are fitted to images of the release: its scripts do not say them.
SIZES = {
    32: Size(1, (1,), 7, 1.5, 0.5, 2, 1.0, 5, 1.5, 2.0),
    64: Size(1, (1,), 12, 2.5, 1.0, 5, 1.8, 4, 0.9, 0.9),
    128: Size(1, (2, 3), 20, 3.0, 1.5, 5, 1.8, 14, 0.75, 0.75),
    256: Size(22, (3,), 27, 5.0, 2.0, 5, 1.8, 6, 1.0, 1.0),
}


@dataclass(frozen=True)
class Settings:
    """What generated images depend on.

    Args:
        resolution: Height and width: 32, 64, 128 or 256.
        difficulty: easy, intermediate, hard or graded.
        seed: Seed of all images.
        dashes: The most that a line of graded images has, 1 to 14.

    Raises:
        ValueError: For anything else.
    """

    resolution: int = 32
    difficulty: str = "hard"
    seed: int = 0
    dashes: int = MOST

    def __post_init__(self) -> None:
        if self.resolution not in SIZES:
            raise ValueError(f"data.resolution must be one of {', '.join(map(str, SIZES))}, got {self.resolution}")
        if self.difficulty not in DASHES:
            raise ValueError(f"data.difficulty must be one of {', '.join(DASHES)}, got {self.difficulty!r}")
        if not 1 <= self.dashes <= MOST:
            raise ValueError(f"data.dashes must be 1 to {MOST}, got {self.dashes}")
        if self.dashes != MOST and self.difficulty != "graded":
            raise ValueError(
                f"data.dashes={self.dashes} is for graded images, and data.difficulty is {self.difficulty}; "
                "use graded, or leave data.dashes away"
            )

    @property
    def choices(self) -> tuple[int, ...]:
        """How many dashes the two lines of an image may have."""
        return tuple(number for number in DASHES[self.difficulty] if number <= self.dashes)

    @property
    def facts(self) -> dict[str, Any]:
        """All settings by name, but for `dashes` if it is 14, because caches and folders of before do not have it."""
        return {name: value for name, value in asdict(self).items() if (name, value) != ("dashes", MOST)}

    @property
    def folder(self) -> str:
        """Where files of such images lie, below `pathfinder32` and the like."""
        return FOLDERS[self.difficulty] + ("" if self.dashes == MOST else f"_{self.dashes}")


def draw(settings: Settings, index: int) -> tuple[numpy.ndarray, int, int, int]:
    """The `index`-th image, (resolution, resolution) uint8, its label, its margin and the dashes of its two lines."""
    kind = list(DASHES).index(settings.difficulty)
    generator = numpy.random.default_rng([settings.seed, settings.resolution, kind, index])
    label = int(generator.integers(2))
    size = SIZES[settings.resolution]
    margin, choices = int(generator.choice(size.margins)), settings.choices
    dashes = choices[0] if len(choices) == 1 else int(generator.choice(choices))
    while True:
        canvas = Canvas(size, settings.resolution, margin, generator)
        try:
            targets = grow_targets(canvas, dashes)
        except DeadEndError:
            continue
        break
    length, count = distractor(dashes), size.distractors * MOST // max(3, dashes)
    lines = (grow_distractor(canvas, length) for _ in range(count))
    distractors = [dash for line in lines if line for dash in line.dashes]
    one = int(generator.integers(2))
    markers = [targets[one].dashes[0][0], targets[one if label else 1 - one].dashes[-1][1]]
    image = _render(settings.resolution, [dash for line in targets for dash in line.dashes], distractors, markers)
    return image, label, margin, dashes


def distractor(dashes: int) -> int:
    """Dashes of a distracting line beside lines of that many."""
    return max(1, dashes // 3)


def _render(resolution: int, targets: list[Dash], distractors: list[Dash], markers: list[Point]) -> numpy.ndarray:
    size, width = SIZES[resolution], FINE * resolution
    brightest = max(size.target_brightness, size.distractor_brightness, 1)
    lines, discs = (PIL.Image.new("L", (width, width)) for _ in range(2))
    pen = PIL.ImageDraw.Draw(lines)
    for dashes, brightness in ((targets, size.target_brightness), (distractors, size.distractor_brightness)):
        for (y, x), (to_y, to_x) in dashes:
            corners = [(FINE * round(x), FINE * round(y)), (FINE * round(to_x), FINE * round(to_y))]
            pen.line(corners, fill=round(255 * brightness / brightest), width=round(FINE * size.thickness))
    pen, radius = PIL.ImageDraw.Draw(discs), FINE * size.marker
    for y, x in markers:
        ends = (FINE * x - radius, FINE * y - radius, FINE * x + radius, FINE * y + radius)
        pen.ellipse(ends, fill=round(255 / brightest))
    small = (canvas.resize((resolution, resolution), PIL.Image.Resampling.LANCZOS) for canvas in (lines, discs))
    image = numpy.maximum(*map(numpy.asarray, small)).astype(float)
    return (image * (255 / image.max()) + 0.5).astype(numpy.uint8)


def shard(settings: Settings, start: int, stop: int) -> Shard:
    """Images start to stop, (count, resolution, resolution) uint8, and their labels."""
    images = numpy.empty((stop - start, settings.resolution, settings.resolution), numpy.uint8)
    labels = numpy.empty(stop - start, numpy.uint8)
    for offset in range(stop - start):
        images[offset], labels[offset], *_ = draw(settings, start + offset)
    return images, labels


def generate(settings: Settings, count: int, workers: int = 1) -> Iterator[Shard]:
    """Yields the first `count` images and labels in blocks, in order, whatever the number of workers."""
    starts = range(0, count, SHARD)
    stops = [min(start + SHARD, count) for start in starts]
    with bar(total=count, desc="Pathfinder", unit=" images", disable=count < SHARD) as progress:
        for block in _in_order(settings, starts, stops, workers):
            yield block
            progress.update(len(block[0]))


def _in_order(settings: Settings, starts: range, stops: list[int], workers: int) -> Iterator[Shard]:
    if workers <= 1 or len(starts) == 1:
        yield from map(partial(shard, settings), starts, stops)
        return
    with start_pool(min(workers, len(starts))) as pool:
        yield from pool.map(partial(shard, settings), starts, stops)
