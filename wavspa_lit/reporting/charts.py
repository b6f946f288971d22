"""Line charts without matplotlib, which takes twenty times as long: they are drawn in the middle of trainings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import matplotlib
import numpy
from PIL import Image, ImageChops, ImageDraw, ImageFont

Pixels = numpy.ndarray
"""(height, width, 3 or 4), uint8."""
CARD = 350
"""Width of a picture in TensorBoard, in pixels. It leaves columns and rows of a wider one out, and with them thin
strokes such as a minus sign. So pictures are as wide, or a whole number of times as wide with letters of that size."""
WIDTH, HEIGHT = CARD, 190
"""Pixels of a panel, labels included."""
LEFT, RIGHT, TOP, BOTTOM = 38, 8, 22, 36
"""Pixels around its axes."""
SMOOTH = 2
"""Charts are drawn so many times as large and made smaller again, which smooths lines."""
GREY = (178, 178, 178)


@dataclass
class Line:
    """A curve in a band, and what it was at the start.

    Attributes:
        values: (3, points): lower end of the band, curve, upper end of the band.
        colour: A colour of matplotlib.
        start: (points,), drawn in grey; None if it is not known.
    """

    values: numpy.ndarray
    colour: str
    start: numpy.ndarray | None = None


@dataclass
class Panel:
    """One pair of axes; the points of its lines are evenly spaced between the ends of `xlim`.

    Attributes:
        title: What is shown.
        xlabel: What the horizontal axis shows.
        xlim: Its ends.
        ylim: The ends of the vertical axis.
        xticks: Numbers beside it.
        yticks: Numbers beside the vertical axis.
        lines: The curves.
    """

    title: str
    xlabel: str
    xlim: tuple[float, float]
    ylim: tuple[float, float]
    xticks: Sequence[float]
    yticks: Sequence[float]
    lines: list[Line] = field(default_factory=list)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of all pictures, by its size in pixels."""
    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)


def fitting(texts: Sequence[str], space: float, size: float) -> ImageFont.FreeTypeFont:
    """A font of at most that size in which no text is wider than `space` pixels."""
    widest = max((font(round(size)).getlength(text) for text in texts), default=0.0)
    return font(max(5, min(round(size), int(size * abs(space) / max(widest, 1)))))


def draw_panels(panels: Sequence[Panel]) -> Pixels:
    """Draws panels below each other."""
    return numpy.concatenate([_draw(panel) for panel in panels])


def _draw(panel: Panel) -> Pixels:
    canvas = Image.new("RGB", (WIDTH * SMOOTH, HEIGHT * SMOOTH), "white")
    box = [side * SMOOTH for side in (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)]

    def place(values: numpy.ndarray) -> list[tuple[float, float]]:
        down = (values - panel.ylim[0]) / (panel.ylim[1] - panel.ylim[0])
        across = numpy.linspace(0, 1, len(values))
        points = zip(box[0] + across * (box[2] - box[0]), box[3] - down * (box[3] - box[1]), strict=True)
        return [(float(x), float(y)) for x, y in points]

    for line in panel.lines:  # bands multiply, so that one shows through the other
        band = Image.new("RGB", canvas.size, "white")
        light = tuple(255 - (255 - part) // 4 for part in _rgb(line.colour))
        ImageDraw.Draw(band).polygon(place(line.values[0]) + place(line.values[2])[::-1], fill=light)
        canvas = ImageChops.multiply(canvas, band)
    draw = ImageDraw.Draw(canvas)
    for line in panel.lines:
        if line.start is not None:
            draw.line(place(line.start), fill=GREY, width=4 * SMOOTH, joint="curve")
    for line in panel.lines:
        draw.line(place(line.values[1]), fill=_rgb(line.colour), width=3, joint="curve")
    draw.rectangle(box, outline="black", width=SMOOTH)
    small, middle = font(11 * SMOOTH), canvas.width / 2
    for number in panel.xticks:
        x = box[0] + (number - panel.xlim[0]) / (panel.xlim[1] - panel.xlim[0]) * (box[2] - box[0])
        draw.line([(x, box[3]), (x, box[3] + 4 * SMOOTH)], fill="black", width=SMOOTH)
        draw.text((x, box[3] + 5 * SMOOTH), f"{number:g}", "black", small, anchor="ma")
    for number in panel.yticks:
        y = box[3] - (number - panel.ylim[0]) / (panel.ylim[1] - panel.ylim[0]) * (box[3] - box[1])
        draw.line([(box[0] - 4 * SMOOTH, y), (box[0], y)], fill="black", width=SMOOTH)
        draw.text((box[0] - 6 * SMOOTH, y), f"{number:g}", "black", small, anchor="rm")
    title = fitting([panel.title], canvas.width - 8 * SMOOTH, small.size)
    draw.text((middle, 4 * SMOOTH), panel.title, "black", title, anchor="ma")
    draw.text((middle, (HEIGHT - 17) * SMOOTH), panel.xlabel, "black", small, anchor="ma")
    return numpy.asarray(canvas.reduce(SMOOTH))


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in matplotlib.colors.to_rgb(colour))
