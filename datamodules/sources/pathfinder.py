"""Pathfinder images, drawn by the algorithm of Linsley et al. (arXiv 1805.08315) with the arena's settings.

Two dashed lines of equal length grow in lock-step from seeds at a given distance; shorter lines distract. A round
marker stands at the first end of one line, another at the last end of the same line (label 1) or of the other (0).

Dashes hang on a chain of pivots: a dash starts one margin after its pivot and ends one margin before the next. The turn
from dash to dash is drawn with the squared cosine of itself times the continuity. Each dash blocks what lies within a
margin of it, and may touch only what the dash before it blocks.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy
import PIL.Image
import PIL.ImageDraw
from tqdm import tqdm

from datamodules.workers import start_pool

FOLDERS = {"easy": "curv_baseline", "intermediate": "curv_contour_length_9", "hard": "curv_contour_length_14"}
"""The released sets, by difficulty."""

DASHES = {"easy": 6, "intermediate": 9, "hard": 14}
"""Dashes of each of the two lines; distracting lines have a third."""

SHARD = 500
"""Images that a worker draws at a time, and that a folder of the release holds."""

FINE = 2
"""Grid points per pixel, along both axes, for drawing and for what is blocked."""

RETRIALS = 4
"""How often a distracting line that finds no room is tried again."""

Point = tuple[float, float]
Dash = tuple[Point, Point]
Shard = tuple[numpy.ndarray, numpy.ndarray]


@dataclass(frozen=True)
class Size:
    """What the arena sets per resolution; lengths in pixels, brightness relative to the markers."""

    padding: int
    margins: tuple[int, ...]
    seed_distance: float
    marker: float
    thickness: float
    dash: int
    continuity: float
    distractors: int
    """Distracting lines beside lines of 14 dashes; beside shorter lines there are more."""
    target_brightness: float
    distractor_brightness: float


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
        difficulty: easy, intermediate or hard.
        seed: Seed of all images.

    Raises:
        ValueError: For anything else.
    """

    resolution: int = 32
    difficulty: str = "hard"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resolution not in SIZES:
            raise ValueError(f"data.resolution must be one of {', '.join(map(str, SIZES))}, got {self.resolution}")
        if self.difficulty not in DASHES:
            raise ValueError(f"data.difficulty must be one of {', '.join(DASHES)}, got {self.difficulty!r}")


class _DeadEndError(Exception):
    """A line has no room to go on."""


@cache
def _shapes(dash: int, margin: int, width: int) -> numpy.ndarray:
    """Grid points that a dash with its pivot at the origin blocks, for each whole degree of its direction.

    All in grid points; (360, points) offsets into the flattened grid, each row filled up with its last one.
    """
    span = numpy.arange(-dash - 2 * margin, dash + 2 * margin + 1)
    y, x = (axis.reshape(-1) for axis in numpy.meshgrid(span, span, indexing="ij"))
    rows = []
    for degree in range(360):
        sine, cosine = math.sin(math.radians(degree)), math.cos(math.radians(degree))
        along = numpy.clip(x * cosine + y * sine, margin, margin + dash)
        near = numpy.hypot(x - along * cosine, y - along * sine) <= margin
        rows.append((y * width + x)[near])
    return numpy.stack([numpy.pad(row, (0, max(map(len, rows)) - len(row)), "edge") for row in rows])


@cache
def _turns(continuity: float) -> tuple[numpy.ndarray, numpy.ndarray, list[float]]:
    """Turns in whole degrees, their probabilities, and the sums of these."""
    largest = math.ceil(90 / continuity) - 1
    turns = numpy.arange(-largest, largest + 1)
    weights = numpy.cos(numpy.radians(turns * continuity)) ** 2
    weights /= weights.sum()
    sums = weights.cumsum()
    return turns, weights, (sums / sums[-1]).tolist()


def _ahead(point: Point, degree: int, distance: float) -> Point:
    angle = math.radians(degree)
    return point[0] + distance * math.sin(angle), point[1] + distance * math.cos(angle)


class _Canvas:
    """What the dashes of an image block: 0 is free, 1 the wall around the image, other numbers are dashes."""

    def __init__(self, settings: Settings, margin: int, generator: numpy.random.Generator) -> None:
        self.size, self.margin, self.generator = SIZES[settings.resolution], margin, generator
        # Wide enough that no dash from within the image reaches beyond.
        self.wall = FINE * (self.size.padding + self.size.dash + 4 * margin)
        self.shift = self.wall - FINE * self.size.padding + 0.5
        inner = FINE * (settings.resolution - 2 * self.size.padding)
        self.width = inner + 2 * self.wall
        self.cells = numpy.pad(numpy.zeros((inner, inner), numpy.uint8), self.wall, constant_values=1).reshape(-1)
        self.dashes = 1
        self.shapes = _shapes(FINE * self.size.dash, FINE * margin, self.width)
        self.turns, self.weights, self.sums = _turns(self.size.continuity)

    def _index(self, y: float, x: float) -> int:
        return int(FINE * y + self.shift) * self.width + int(FINE * x + self.shift)

    def has_room(self, pivot: Point, degree: int, before: int = 0) -> bool:
        """Whether there is room for a dash at a pivot, beside the dash numbered `before`."""
        blocked = self.cells[self.shapes[degree] + self._index(*pivot)].tobytes()
        return not blocked.translate(None, bytes((0, before)))  # nothing is left but what may be there

    def spots(self, degree: int, count: int) -> list[Point]:
        """Those of `count` random pivots at which there is room for a dash."""
        draws = self.generator.random((count, 2)) * (self.width // FINE - 2 * self.wall // FINE) + self.size.padding
        y, x = (FINE * draws + self.shift).astype(int).T
        blocked = self.cells[self.shapes[degree] + (y * self.width + x)[:, None]]
        return [(float(y), float(x)) for y, x in draws[~blocked.any(1)]]

    def place(self, pivot: Point, degree: int) -> int:
        """Blocks what a dash blocks, and numbers it."""
        self.dashes += 1
        self.cells[self.shapes[degree] + self._index(*pivot)] = self.dashes
        return self.dashes

    def turn(self, pivot: Point, degree: int, before: int) -> int:
        """Draws the next direction among those that have room; raises _DeadEndError if there are none."""
        chosen = (degree + int(self.turns[bisect_left(self.sums, self.generator.random())])) % 360
        if self.has_room(pivot, chosen, before):  # as likely as among those with room, and much faster to find out
            return chosen
        directions = (degree + self.turns) % 360
        blocked = self.cells[self.shapes[directions] + self._index(*pivot)]
        free = ~((blocked != 0) & (blocked != before)).any(1)
        sums = (self.weights * free).cumsum()
        if sums[-1] < 1e-4:
            raise _DeadEndError
        return int(directions[sums.searchsorted(self.generator.random() * sums[-1], side="right")])


class _Line:
    """A dashed line that grows from a pivot."""

    def __init__(self, canvas: _Canvas, pivot: Point, degree: int) -> None:
        self.canvas, self.pivot, self.degree = canvas, pivot, degree
        self.dashes: list[Dash] = []
        self._add()

    def grow(self) -> None:
        """Adds a dash; raises _DeadEndError if there is no room for any."""
        self.pivot = _ahead(self.pivot, self.degree, self.canvas.size.dash + 2 * self.canvas.margin)
        self.degree = self.canvas.turn(self.pivot, self.degree, self.number)
        self._add()

    def _add(self) -> None:
        self.number = self.canvas.place(self.pivot, self.degree)
        start = _ahead(self.pivot, self.degree, self.canvas.margin)
        self.dashes.append((start, _ahead(start, self.degree, self.canvas.size.dash)))


def _targets(settings: Settings, canvas: _Canvas) -> list[_Line]:
    """Two lines whose first ends have the seed distance; raises _DeadEndError."""
    size, generator = canvas.size, canvas.generator
    first, second, around = (int(degree) for degree in generator.integers(360, size=3))
    # The first dash lies twice the seed distance from the borders.
    far, room = 2 * size.seed_distance, settings.resolution - 4 * size.seed_distance
    reach = _ahead((0, 0), first, size.dash)
    y, x = (far - min(shift, 0) + generator.random() * (room - abs(shift)) for shift in reach)
    lines = []
    for tip, degree in (((y, x), first), (_ahead((y, x), around, size.seed_distance), second)):
        pivot = _ahead(tip, degree, -canvas.margin)
        if not canvas.has_room(pivot, degree):
            raise _DeadEndError
        lines.append(_Line(canvas, pivot, degree))
    for _ in range(DASHES[settings.difficulty] - 1):
        for line in lines:
            line.grow()
    return lines


def _distractor(canvas: _Canvas, length: int) -> _Line | None:
    """A line somewhere, or None if there is no room."""
    for _ in range(1 + RETRIALS):
        before = canvas.cells.copy()
        degree = int(canvas.generator.integers(360))
        spots = canvas.spots(degree, 64)
        if not spots:
            continue
        try:
            line = _Line(canvas, spots[0], degree)
            for _ in range(length - 1):
                line.grow()
        except _DeadEndError:
            canvas.cells = before
        else:
            return line
    return None


def draw(settings: Settings, index: int) -> tuple[numpy.ndarray, int, int]:
    """The `index`-th image, (resolution, resolution) uint8, its label and its margin: always the same."""
    kind = list(DASHES).index(settings.difficulty)
    generator = numpy.random.default_rng([settings.seed, settings.resolution, kind, index])
    label = int(generator.integers(2))
    size = SIZES[settings.resolution]
    margin = int(generator.choice(size.margins))
    while True:
        canvas = _Canvas(settings, margin, generator)
        try:
            targets = _targets(settings, canvas)
        except _DeadEndError:
            continue
        break
    dashes = DASHES[settings.difficulty]
    lines = (_distractor(canvas, dashes // 3) for _ in range(size.distractors * DASHES["hard"] // dashes))
    distractors = [dash for line in lines if line for dash in line.dashes]
    one = int(generator.integers(2))
    markers = [targets[one].dashes[0][0], targets[one if label else 1 - one].dashes[-1][1]]
    image = _render(settings.resolution, [dash for line in targets for dash in line.dashes], distractors, markers)
    return image, label, margin


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
        images[offset], labels[offset], _ = draw(settings, start + offset)
    return images, labels


def generate(settings: Settings, count: int, workers: int = 1) -> Iterator[Shard]:
    """Yields the first `count` images and labels in blocks, in order; the number of workers does not change them."""
    starts = range(0, count, SHARD)
    stops = [min(start + SHARD, count) for start in starts]
    with tqdm(total=count, desc="Pathfinder", unit=" images", disable=count < SHARD) as progress:
        for block in _in_order(settings, starts, stops, workers):
            yield block
            progress.update(len(block[0]))


def _in_order(settings: Settings, starts: range, stops: list[int], workers: int) -> Iterator[Shard]:
    if workers <= 1 or len(starts) == 1:
        yield from map(partial(shard, settings), starts, stops)
        return
    with start_pool(min(workers, len(starts))) as pool:
        yield from pool.map(partial(shard, settings), starts, stops)
