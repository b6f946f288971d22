"""Pictures of what a model has learned. They are drawn on `Figure`s, so that no backend of matplotlib is chosen."""

from collections.abc import Sequence
from itertools import pairwise

import matplotlib
import numpy
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn.functional import interpolate

from wavspa_lit.nn.inside import Inside
from wavspa_lit.reporting.charts import CARD, Line, Panel, Pixels, fitting, font
from wavspa_lit.wavelets import AdaptiveLifting, FilterBank

Curves = dict[str, Tensor]
"""Filters by name: for each tap or frequency the lower quartile, the median and the upper quartile, (3, points)."""
FREQUENCIES = 64
FEW_CLASSES = 15
"""Classes whose shares are written into a confusion matrix; more would not be legible."""
Label = tuple[float, str]
LETTERS = 11
"""Pixels of the letters in a picture that is as wide as a card."""


def filter_curves(wavelet: nn.Module) -> Curves:
    """What there is to draw of filters: taps, and magnitudes of the responses from 0 to Nyquist.

    The synthesis filters are left out if they are the analysis filters reversed, and high-pass taps always, because
    they are the other low-pass with alternating signs. Of adaptive lifting there are the taps of both filters. Other
    schemes have nothing to draw.
    """
    if isinstance(wavelet, AdaptiveLifting):
        return {"predict": _quartiles(wavelet.predictor), "update": _quartiles(wavelet.updater)}
    if not isinstance(wavelet, FilterBank):
        return {}
    filters = wavelet.filters()
    curves: Curves = {}
    of_its_own = getattr(wavelet, "rec_lo", None) is not None and trains(wavelet)
    for side, low, high in (("analysis", *filters[:2]), ("synthesis", *filters[2:])):
        if side == "synthesis" and not of_its_own and torch.equal(low, filters.dec_lo.flip(0)):
            break
        curves[f"{side} low-pass"] = _quartiles(low)
        for name, taps in (("low-pass", low), ("high-pass", high)):
            curves[f"{side} response, {name}"] = _quartiles(_response(taps))
    return curves


def trains(wavelet: nn.Module) -> bool:
    """Whether its filters change in training."""
    return any(parameter.requires_grad for parameter in wavelet.parameters())


def _response(taps: Tensor) -> Tensor:
    wide = taps.detach().cpu().double()  # some accelerators have no double precision
    omega = torch.linspace(0, torch.pi, FREQUENCIES, dtype=torch.float64)
    phase = torch.exp(-1j * omega[:, None] * torch.arange(len(wide)))
    return (phase @ wide.reshape(len(wide), -1).to(phase.dtype)).abs()


def _quartiles(values: Tensor) -> Tensor:
    flat = values.detach().cpu().float().reshape(len(values), -1)
    return torch.quantile(flat, flat.new_tensor([0.25, 0.5, 0.75]), dim=1)


def filter_panels(now: Curves, start: Curves, title: str, start_name: str) -> list[Panel]:
    """What to draw of `filter_curves`: the median over the channels in a band from quartile to quartile.

    Args:
        now: The filters.
        start: The filters at the start, drawn in grey; empty if they are not known.
        title: What the filters belong to, such as `layer 2`.
        start_name: What they were at the start, such as `db8 at the start`.
    """

    def line(name: str, colour: str) -> Line:
        return Line(now[name].numpy(), colour, start[name][1].numpy() if name in start else None)

    panels = []
    for name in (name for name in now if "response" not in name):
        count, taps = now[name].shape[1], line(name, "tab:blue")
        low, high = float(taps.values.min()), float(taps.values.max())
        limits = (min(-0.8, low - 0.1), max(1.0, high + 0.1))
        ticks = range(0, count, max(1, count // 8))
        heading = f"{title}, {name}, {start_name}"
        panels.append(Panel(heading, "tap", (0, max(count - 1, 1)), limits, ticks, (-0.5, 0, 0.5, 1), [taps]))
        part = f"{name.split()[0]} response"
        colours = {"low-pass": "tab:blue", "high-pass": "tab:orange"}
        responses = [line(f"{part}, {band}", colour) for band, colour in colours.items() if f"{part}, {band}" in now]
        if responses:
            heading, axis = f"{title}, {part}: low-pass blue, high-pass orange", "frequency (1 = Nyquist)"
            panels.append(Panel(heading, axis, (0, 1), (0.0, 2.2), (0, 0.5, 1), (0, 0.7, 1.4, 2.1), responses))
    return panels


def draw_attention(views: Sequence[Inside]) -> Pixels | None:
    """Draws the attention maps of one sequence: layers from top to bottom, bands from left to right.

    Returns:
        None if no block has softmax attention.
    """
    columns = max((len(view.maps) for view in views), default=0)
    if not columns:
        return None
    size, cell = 160, 168  # pixels of a map, and with the gap to the next one
    height, width = len(views) * cell - 8, columns * cell - 8
    image = torch.full((height, width), torch.nan)
    for row, view in enumerate(views):
        for column, weights in enumerate(view.maps):
            top, left = row * cell, column * cell
            image[top : top + size, left : left + size] = interpolate(weights[None, None], (size, size))[0, 0]
    widest = max(views, key=lambda view: len(view.maps))
    return heat_map(
        image,
        (width, height),
        "attention of queries (down) to keys",
        [((row * cell + size / 2) / height, f"layer {row + 1}") for row in range(len(views))],
        [((column * cell + size / 2) / width, name) for column, name in enumerate(widest.attended)],
        unit=" times uniform",
    )


def draw_scalogram(views: Sequence[Inside]) -> Pixels | None:
    """Draws the size of the wavelet coefficients of one sequence: a row for each band, from coarse to fine.

    Returns:
        None if there are no bands to compare.
    """
    if not views or len(views[0].rms) < 2:
        return None
    labels = [f"{layer}: {name}" for layer, view in enumerate(views, 1) for name in view.names]
    image = torch.cat([interpolate(rms[None, None], 512)[0] for view in views for rms in view.rms])
    ends = [(0.0, "first token"), (1.0, "last token")]
    title = "size of the coefficients, by layer and band"
    return heat_map(image, (330, 30 * len(labels)), title, _middles(labels), ends)


def draw_entropies(views: Sequence[Inside]) -> Pixels | None:
    """Draws the entropy of the attention: a row for each band, a column for each head.

    Returns:
        None if no block has softmax attention.
    """
    rows = [entropy for view in views for entropy in view.entropies]
    if not rows:
        return None
    heads = len(rows[0])
    labels = [f"{layer}: {name}" for layer, view in enumerate(views, 1) for name in view.attended]
    columns = _middles([f"head {head}" for head in range(1, heads + 1)])
    return heat_map(
        torch.stack(rows),
        (max(330, 60 * heads), 30 * len(rows)),
        "entropy of attention, 1 = uniform",
        _middles(labels),
        columns,
        limits=(0.0, 1.0),
        numbers=True,
    )


def draw_history(steps: Sequence[int], values: Tensor, groups: Sequence[int], group_name: str) -> Pixels:
    """Draws accuracy by group over a training, one column for each validation.

    Args:
        steps: Steps of the validations.
        values: (validations, groups), NaN where a validation has no answers of a group.
        groups: Values of the groups, in increasing order, drawn upwards.
        group_name: What they are, such as `length`.
    """
    columns, rows = (
        [((index + 0.5) / len(names), str(names[index])) for index in _spaced(len(names))] for names in (steps, groups)
    )
    rows = [(1 - place, f"{group_name} {name}") for place, name in rows]
    columns = [(place, f"step {name}" if place == columns[0][0] else name) for place, name in columns]
    title = f"accuracy by {group_name} over the training"
    return heat_map(values.T.flip(0), (360, 260), title, rows, columns, limits=(0.0, 1.0))


def draw_confusion(counts: Tensor, names: Sequence[str]) -> Pixels:
    """Draws which classes are taken for which: the share of each row's labels that get the column's answer.

    Args:
        counts: (classes, classes), labels by answers.
        names: Names of the classes; empty if they are numbered.
    """
    classes = len(counts)
    shown = range(classes) if classes <= FEW_CLASSES else _spaced(classes)
    labels = [((index + 0.5) / classes, str(names[index]) if names else str(index)) for index in shown]
    rows = [
        (place, f"{name[:20]} {int(counts[index].sum())}") for index, (place, name) in zip(shown, labels, strict=True)
    ]
    shares = counts.float() / counts.sum(1, keepdim=True)  # NaN, and white, where a class has no labels
    side = min(max(90 * classes, 300), 900)
    columns = [(place, name[:8]) for place, name in labels]
    title = "answers (columns) to the labels of a class (rows)"
    return heat_map(
        shares.cpu(), (side, side // 2), title, rows, columns, limits=(0.0, 1.0), numbers=classes <= FEW_CLASSES
    )


def _middles(names: Sequence[str]) -> list[Label]:
    return [((index + 0.5) / len(names), name) for index, name in enumerate(names)]


def _spaced(count: int) -> list[int]:
    """At most six indices of so many, evenly spaced, the first and the last among them."""
    return sorted({round(index * (count - 1) / 5) for index in range(6)})


def _gap(labels: Sequence[Label]) -> float:
    """The smallest distance of two labels, as a share of the side along which they stand."""
    return min((after[0] - before[0] for before, after in pairwise(labels)), key=abs, default=1.0)


def heat_map(
    image: Tensor,
    size: tuple[int, int],
    title: str,
    rows: Sequence[Label],
    columns: Sequence[Label],
    *,
    unit: str = "",
    limits: tuple[float, float] | None = None,
    numbers: bool = False,
) -> Pixels:
    """Draws a matrix; its title says what the darkest and the brightest colour mean.

    Without matplotlib's axes, which take thirty times as long, because this is drawn in the middle of a training.

    Args:
        image: (rows, columns); NaN is white.
        size: Width and height of the matrix, in pixels. It is scaled so that the picture is a whole number of times as
            wide as `CARD`.
        title: What is shown.
        rows: Labels of rows, each with its place, 0 at the top and 1 at the bottom.
        columns: Labels of columns, each with its place, 0 on the left and 1 on the right.
        unit: What follows the numbers of the title, such as ` times uniform`.
        limits: Values of the darkest and the brightest colour; None: 0 and nearly the largest value.
        numbers: Write each entry into its cell.
    """
    width, height = size
    low, high = limits or (0.0, float(torch.nanquantile(image.flatten()[: 2**20], 0.999)))
    heading = f"{title}\ndark {low:g}, bright {high:.2g}{unit}"
    left = 14 + max((font(LETTERS).getlength(label) for _, label in rows), default=0.0)
    times = max(1, round((left + width + 8) / CARD))  # as wide as so many cards
    plain, left, top = font(LETTERS * times), round(left * times), 38 * times
    total = CARD * times
    height = height * (total - left - 8 * times) // width
    width = total - left - 8 * times
    down = (numpy.arange(height) * image.shape[0] // height)[:, None]
    right = numpy.arange(width) * image.shape[1] // width
    values = image.numpy()[down, right]
    colours = matplotlib.colormaps["viridis"](numpy.clip((values - low) / ((high - low) or 1.0), 0, 1), bytes=True)
    colours[numpy.isnan(values)] = 255
    canvas = Image.new("RGB", (total, top + height + 24 * times), "white")
    canvas.paste(Image.fromarray(colours[..., :3]), (left, top))
    draw = ImageDraw.Draw(canvas)
    draw.text((6 * times, 4 * times), heading, "black", plain)
    small = fitting(("X",), 0.6 * _gap(rows) * height, plain.size)  # letters are higher than wide
    for place, label in rows:
        middle = min(max(top + place * height, top + small.size / 2), top + height - small.size / 2)
        draw.text((left - 6 * times, middle), label, "black", small, anchor="rm")
    small = fitting([label for _, label in columns], _gap(columns) * width - 2 * times, plain.size)
    for place, label in columns:
        half = small.getlength(label) / 2
        centre = min(max(left + place * width, half + 2), total - half - 2)
        draw.text((centre, top + height + 5 * times), label, "black", small, anchor="ma")
    small = fitting(("0.00",), width / image.shape[1] - 2 * times, plain.size)
    for row, column in numpy.ndindex(*image.shape) if numbers else ():
        value = float(image[row, column])
        if value != value:
            continue
        cell = (left + (column + 0.5) * width / image.shape[1], top + (row + 0.5) * height / image.shape[0])
        draw.text(cell, f"{value:.2f}", "white" if value < 0.6 * high else "black", small, anchor="mm")
    return numpy.asarray(canvas)


def pixels(figure: Figure) -> Pixels:
    """The figure as an image (height, `CARD`, 4), uint8."""
    figure.set_dpi(CARD / figure.get_figwidth())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return numpy.asarray(canvas.buffer_rgba())
