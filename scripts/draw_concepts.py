"""Draws the pictures of docs/concepts.md, from transforms and a checkpoint: `python scripts/draw_concepts.py docs`."""

import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from wavspa_lit import load
from wavspa_lit.wavelets import FilterBank, FixedBank, OrthogonalBank, waverec

COLOURS = ("#1f6fb4", "#7a5195", "#e07b1a", "#c8402f")
CHECKPOINT = Path(__file__).parent.parent / "checkpoints" / "lego-ada"
LEVEL, LENGTH = 3, 256
NAMES = ("approximation 3", "detail 3", "detail 2", "detail 1")


def draw_bands(path: Path) -> None:
    """Which part of the frequencies a band holds, and which tokens its coefficients stand for."""
    bank = FixedBank.from_wavelet("db8")
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    frequencies = torch.linspace(0, 1, LENGTH // 2 + 1)
    counts = [LENGTH >> LEVEL, *(LENGTH >> level for level in range(LEVEL, 0, -1))]
    for band, (name, colour) in enumerate(zip(NAMES, COLOURS, strict=True)):
        coefficients = [torch.zeros(1, count, 1) for count in counts]
        coefficients[band][0, counts[band] // 2, 0] = 1
        wave = waverec(coefficients, bank, length=LENGTH)[0, :, 0]  # what one coefficient stands for
        left.plot(frequencies, torch.fft.rfft(wave).abs() / torch.fft.rfft(wave).abs().max(), color=colour, label=name)
    left.set(xlabel="frequency (1 = Nyquist)", ylabel="response, largest = 1", title="what a band lets through (db8)")
    left.legend(fontsize=8)
    heights = [1 / 8, 1 / 8, 1 / 4, 1 / 2]
    low = 0.0
    for height, name, colour, count in zip(heights, NAMES, COLOURS, counts, strict=True):
        shown = count * 32 // LENGTH  # of 32 tokens
        for entry in range(shown):
            width = 32 / shown
            right.add_patch(Rectangle((entry * width, low), width, height, facecolor=colour, alpha=0.35, edgecolor="k"))
        right.text(32.6, low + height / 2, f"{name}: {shown} entries", va="center", fontsize=8)
        low += height
    right.set(xlim=(0, 46), ylim=(0, 1), xticks=(0, 8, 16, 24, 32), xlabel="token", ylabel="frequency (1 = Nyquist)")
    right.set_title("32 tokens as 32 coefficients: each attends within its row", loc="left", fontsize=10)
    for side in ("top", "right"):
        right.spines[side].set_visible(False)
    figure.savefig(path, dpi=120)


def draw_banks(path: Path) -> None:
    """Low-passes of the kinds of banks, and their responses."""
    model = load(CHECKPOINT)
    name = model.encoder_config.wavelet.name
    learned = next(module for module in model.modules() if isinstance(module, FilterBank))
    torch.manual_seed(0)
    angles = OrthogonalBank.from_wavelet(name, channels=4, random_angles=True)
    banks: list[tuple[str, Tensor]] = [
        (f"fixed: {name}", FixedBank.from_wavelet(name).filters().dec_lo.view(-1, 1)),
        ("adaptive: 8 channels after a training", learned.filters().dec_lo[:, :8]),
        ("orthogonal: 4 random sets of angles", angles.filters().dec_lo),
    ]
    start = banks[0][1]
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    rows = figure.subplots(2, 3, sharex="row", sharey="row")
    for column, (title, taps) in enumerate(banks):
        for axes, values, first in zip(rows[:, column], (taps, response(taps)), (start, response(start)), strict=True):
            places = torch.arange(len(values)) if axes in rows[0] else torch.linspace(0, 1, len(values))
            axes.plot(places, first.detach(), color="0.75", linewidth=4)
            axes.plot(places, values.detach(), color=COLOURS[0], linewidth=1)
        rows[0, column].set_title(title, fontsize=10)
        rows[0, column].set(xlabel="tap")
        rows[1, column].set(xlabel="frequency (1 = Nyquist)")
    rows[0, 0].set_ylabel("low-pass")
    rows[1, 0].set_ylabel("its response")
    figure.savefig(path, dpi=120)


def response(taps: Tensor) -> Tensor:
    """Magnitude of the frequency response of each channel, (65, channels)."""
    return torch.fft.rfft(taps, n=128, dim=0).abs()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    draw_bands(folder / "bands.png")
    draw_banks(folder / "banks.png")
