"""Dashed lines that grow on a grid without touching, as in the images of Pathfinder.

Dashes hang on a chain of pivots: a dash starts one margin after its pivot and ends one margin before the next. The turn
from dash to dash is drawn with the squared cosine of itself times the continuity. Each dash blocks what lies within a
margin of it, and may touch only what the dash before it blocks.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache

import numpy

FINE = 2
"""Grid points per pixel, along both axes, for drawing and for what is blocked."""

RETRIALS = 4
"""How often a distracting line that finds no room is tried again."""

Point = tuple[float, float]
Dash = tuple[Point, Point]


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


class DeadEndError(Exception):
    """A line has no room to go on."""


@cache
def _shapes(dash: int, margin: int, width: int) -> numpy.ndarray:
    """Grid points that a dash with its pivot at the origin blocks, for each whole degree of its direction.

    Lengths are in grid points. Returns (360, points) offsets into the flattened grid; shorter rows repeat their
    last one.
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


class Canvas:
    """What the dashes of an image block: 0 is free, 1 the wall around the image, other numbers are dashes."""

    def __init__(self, size: Size, resolution: int, margin: int, generator: numpy.random.Generator) -> None:
        self.size, self.resolution, self.margin, self.generator = size, resolution, margin, generator
        # Wide enough that no dash from within the image reaches beyond.
        self.wall = FINE * (self.size.padding + self.size.dash + 4 * margin)
        self.shift = self.wall - FINE * self.size.padding + 0.5
        inner = FINE * (resolution - 2 * self.size.padding)
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
        """Draws the next direction among those that have room; raises DeadEndError if there are none."""
        chosen = (degree + int(self.turns[bisect_left(self.sums, self.generator.random())])) % 360
        # A first draw with room has the probability that it has below, and looking at one direction is much faster.
        if self.has_room(pivot, chosen, before):
            return chosen
        directions = (degree + self.turns) % 360
        blocked = self.cells[self.shapes[directions] + self._index(*pivot)]
        free = ~((blocked != 0) & (blocked != before)).any(1)
        sums = (self.weights * free).cumsum()
        if sums[-1] < 1e-4:
            raise DeadEndError
        return int(directions[sums.searchsorted(self.generator.random() * sums[-1], side="right")])


class Line:
    """A dashed line that grows from a pivot."""

    def __init__(self, canvas: Canvas, pivot: Point, degree: int) -> None:
        self.canvas, self.pivot, self.degree = canvas, pivot, degree
        self.dashes: list[Dash] = []
        self._add()

    def grow(self) -> None:
        """Adds a dash; raises DeadEndError if there is no room for any."""
        self.pivot = _ahead(self.pivot, self.degree, self.canvas.size.dash + 2 * self.canvas.margin)
        self.degree = self.canvas.turn(self.pivot, self.degree, self.number)
        self._add()

    def _add(self) -> None:
        self.number = self.canvas.place(self.pivot, self.degree)
        start = _ahead(self.pivot, self.degree, self.canvas.margin)
        self.dashes.append((start, _ahead(start, self.degree, self.canvas.size.dash)))


def grow_targets(canvas: Canvas, dashes: int) -> list[Line]:
    """Two lines of that many dashes, whose first ends have the seed distance; raises DeadEndError."""
    size, generator = canvas.size, canvas.generator
    first, second, around = (int(degree) for degree in generator.integers(360, size=3))
    # The first dash lies twice the seed distance from the borders.
    far, room = 2 * size.seed_distance, canvas.resolution - 4 * size.seed_distance
    reach = _ahead((0, 0), first, size.dash)
    y, x = (far - min(shift, 0) + generator.random() * (room - abs(shift)) for shift in reach)
    lines = []
    for tip, degree in (((y, x), first), (_ahead((y, x), around, size.seed_distance), second)):
        pivot = _ahead(tip, degree, -canvas.margin)
        if not canvas.has_room(pivot, degree):
            raise DeadEndError
        lines.append(Line(canvas, pivot, degree))
    for _ in range(dashes - 1):
        for line in lines:
            line.grow()
    return lines


def grow_distractor(canvas: Canvas, length: int) -> Line | None:
    """A line somewhere, or None if there is no room."""
    for _ in range(1 + RETRIALS):
        before = canvas.cells.copy()
        degree = int(canvas.generator.integers(360))
        spots = canvas.spots(degree, 64)
        if not spots:
            continue
        try:
            line = Line(canvas, spots[0], degree)
            for _ in range(length - 1):
                line.grow()
        except DeadEndError:
            canvas.cells = before
        else:
            return line
    return None
