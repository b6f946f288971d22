"""Pictures of what a model has learned. They are drawn on `Figure`s, so that no backend of matplotlib is chosen."""

from collections.abc import Sequence

import numpy
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import interpolate

from wavspa_lit.nn.inside import Inside
from wavspa_lit.wavelets import AdaptiveLifting, FilterBank

Curves = dict[str, Tensor]
"""Filters by name: for each tap or frequency the lower quartile, the median and the upper quartile, (3, points)."""
FREQUENCIES = 64


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
    wide = taps.detach().double()
    omega = torch.linspace(0, torch.pi, FREQUENCIES, dtype=torch.float64, device=wide.device)
    phase = torch.exp(-1j * omega[:, None] * torch.arange(len(wide), device=wide.device))
    return (phase @ wide.reshape(len(wide), -1).to(phase.dtype)).abs()


def _quartiles(values: Tensor) -> Tensor:
    flat = values.detach().float().reshape(len(values), -1)
    return torch.quantile(flat, flat.new_tensor([0.25, 0.5, 0.75]), dim=1).cpu()


def draw_filters(now: Curves, start: Curves, title: str, start_name: str) -> Figure:
    """Draws `filter_curves`: the median over the channels in a band from quartile to quartile.

    Args:
        now: The filters.
        start: The filters at the start, drawn in grey; empty if they are not known.
        title: What the filters belong to, such as `layer 2`.
        start_name: What they were at the start, such as `db8 at the start`.
    """
    taps = [name for name in now if "response" not in name]
    panels = [part for name in taps for part in (name, f"{name.split()[0]} response")]
    panels = [part for part in panels if part in now or f"{part}, low-pass" in now]
    figure = Figure(figsize=(4.8, 2.3 * len(panels)), dpi=100)
    figure.subplots_adjust(0.1, 0.42 / 2.3 / len(panels), 0.98, 1 - 0.3 / 2.3 / len(panels), hspace=0.55)
    for axes, part in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        axes.tick_params(labelsize=8)
        if part in now:
            count = now[part].shape[1]
            _draw_curve(axes, part, now, start, "black")
            axes.set_title(f"{title}, {part}, {start_name}", fontsize=9)
            axes.set(xticks=range(0, count, max(1, count // 8)), yticks=(-0.5, 0.0, 0.5, 1.0))
            axes.set_xlabel("tap", fontsize=8)
            low, high = axes.get_ylim()
            axes.set_ylim(min(-0.8, low), max(1.0, high))
            continue
        for band, colour in (("low-pass", "tab:blue"), ("high-pass", "tab:orange")):
            _draw_curve(axes, f"{part}, {band}", now, start, colour)
        axes.set_title(f"{title}, {part}: low-pass blue, high-pass orange", fontsize=9)
        axes.set_xlabel("frequency (1 = Nyquist)", fontsize=8)
        axes.set(xticks=(0.0, 0.5, 1.0), yticks=(0.0, 0.7, 1.4, 2.1), ylim=(0.0, 2.2))
    return figure


def _draw_curve(axes: Axes, name: str, now: Curves, start: Curves, colour: str) -> None:
    lower, median, upper = now[name].numpy()
    places = numpy.linspace(0, 1, len(median)) if "response" in name else numpy.arange(len(median))
    if name in start:
        axes.plot(places, start[name][1].numpy(), color="0.7", linewidth=3)
    axes.fill_between(places, lower, upper, color=colour, alpha=0.25, linewidth=0)
    axes.plot(places, median, color=colour, linewidth=1.2)


def draw_attention(views: Sequence[Inside]) -> Figure | None:
    """Draws the attention maps of one sequence: layers from top to bottom, bands from left to right.

    Returns:
        None if no block has softmax attention.
    """
    columns = max((len(view.maps) for view in views), default=0)
    if not columns:
        return None
    size, cell = 128, 136  # of a map, and with the gap to the next one
    image = torch.full((len(views) * cell - 8, columns * cell - 8), torch.nan)
    for row, view in enumerate(views):
        for column, weights in enumerate(view.maps):
            top, left = row * cell, column * cell
            image[top : top + size, left : left + size] = interpolate(weights[None, None], (size, size))[0, 0]
    figure, axes = heat_map(
        image, (2.0 * columns, 2.0 * len(views)), "attention of queries (down) to keys", " times uniform"
    )
    widest = max(views, key=lambda view: len(view.maps))
    names = widest.attended
    axes.set_xticks([size / 2 + cell * column for column in range(columns)], names)
    axes.set_yticks([size / 2 + cell * row for row in range(len(views))], _layers(len(views)))
    return figure


def draw_scalogram(views: Sequence[Inside]) -> Figure | None:
    """Draws the size of the wavelet coefficients of one sequence: a row for each band, from coarse to fine.

    Returns:
        None if there are no bands to compare.
    """
    if not views or len(views[0].rms) < 2:
        return None
    labels = [f"{layer}: {name}" for layer, view in enumerate(views, 1) for name in view.names]
    image = torch.cat([interpolate(rms[None, None], 512)[0] for view in views for rms in view.rms])
    figure, axes = heat_map(image, (3.3, 0.3 * len(labels)), "size of the coefficients, by layer and band")
    axes.set_xticks([0, 511], ["first token", "last token"])
    axes.set_yticks(range(len(labels)), labels)
    axes.hlines([len(views[0].rms) * i - 0.5 for i in range(1, len(views))], -0.5, 511.5, color="white")
    return figure


def draw_entropies(views: Sequence[Inside]) -> Figure | None:
    """Draws the entropy of the attention: a row for each band, a column for each head.

    Returns:
        None if no block has softmax attention.
    """
    rows = [entropy for view in views for entropy in view.entropies]
    if not rows:
        return None
    image, heads = torch.stack(rows), len(rows[0])
    figure, axes = heat_map(
        image, (0.7 * heads, 0.3 * len(rows)), "entropy of attention, 1 = uniform", limits=(0.0, 1.0)
    )
    axes.set_xticks(range(heads), [f"head {head}" for head in range(1, heads + 1)])
    labels = [f"{layer}: {name}" for layer, view in enumerate(views, 1) for name in view.attended]
    axes.set_yticks(range(len(rows)), labels)
    for row, column in numpy.ndindex(*image.shape):
        value = float(image[row, column])
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color="w" if value < 0.6 else "k")
    return figure


def draw_history(steps: Sequence[int], values: Tensor, groups: Sequence[int], group_name: str) -> Figure:
    """Draws accuracy by group over a training, one column for each validation.

    Args:
        steps: Steps of the validations.
        values: (validations, groups), NaN where a validation has no answers of a group.
        groups: Values of the groups, in increasing order.
        group_name: What they are, such as `length`.
    """
    figure, axes = heat_map(values.T, (3.9, 2.6), f"accuracy by {group_name}", limits=(0.0, 1.0), left=0.6)
    axes.invert_yaxis()
    axes.set(xlabel="step", ylabel=group_name)
    for set_ticks, names in ((axes.set_xticks, steps), (axes.set_yticks, groups)):
        shown = sorted({round(i * (len(names) - 1) / 5) for i in range(6)})
        set_ticks(shown, [str(names[index]) for index in shown])
    return figure


def _layers(count: int) -> list[str]:
    return [f"layer {index}" for index in range(1, count + 1)]


def heat_map(
    image: Tensor,
    size: tuple[float, float],
    title: str,
    unit: str = "",
    *,
    limits: tuple[float, float] | None = None,
    left: float = 1.3,
) -> tuple[Figure, Axes]:
    """Draws a matrix; its title says what the colours mean.

    Args:
        image: (rows, columns); NaN stays white.
        size: Width and height of the matrix, in inches.
        title: What is shown.
        unit: What follows the numbers, such as ` times uniform`.
        left: Room for the names of the rows, in inches.
        limits: Values of the darkest and the brightest colour; None: 0 and nearly the largest value.
    """
    right, bottom, top = 0.3, 0.5, 0.3
    width, height = max(size[0], 3.0) + left + right, size[1] + bottom + top
    figure = Figure(figsize=(width, height), dpi=100)
    axes = figure.add_axes((left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height))
    low, high = limits or (0.0, float(torch.nanquantile(image.flatten()[: 2**20], 0.999)))
    axes.imshow(image.numpy(), aspect="auto", vmin=low, vmax=high, interpolation="nearest")
    # In words, because a bar of colours takes as long to draw as the rest.
    figure.text(0.1 / width, 1 - 0.1 / height, f"{title} (dark {low:g}, bright {high:.2g}{unit})", fontsize=9, va="top")
    axes.tick_params(labelsize=8)
    return figure, axes


def pixels(figure: Figure) -> numpy.ndarray:
    """The figure as an image (height, width, 4), uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return numpy.asarray(canvas.buffer_rgba())
