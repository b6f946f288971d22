"""Draws the picture of the README from a real transform: `python scripts/draw_block.py docs/block.png`."""

import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import FancyArrowPatch

from wavspa_lit.wavelets import FixedBank, wavedec

BLUE, ORANGE, GREY = "#1f6fb4", "#e07b1a", "#666666"


def draw(path: str) -> None:
    """Draws and saves the picture."""
    time = torch.linspace(0, 1, 128)
    x = torch.sin(6 * torch.pi * time) + 0.35 * torch.sin(80 * torch.pi * time) * (time > 0.55)
    bands = wavedec(x[None, :, None], FixedBank.from_wavelet("db4"), level=3)
    figure = plt.figure(figsize=(10, 3.4), dpi=150)
    grid = figure.add_gridspec(4, 5, width_ratios=[3, 1.1, 3, 1.1, 3], wspace=0.05, hspace=0.5)

    for column, title in ((0, "tokens"), (4, "tokens")):
        axes = figure.add_subplot(grid[1:3, column])
        axes.plot(x, color=GREY, lw=1)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    names = ["approximation 3", "detail 3", "detail 2", "detail 1"]
    for row, (name, band) in enumerate(zip(names, bands, strict=True)):
        axes = figure.add_subplot(grid[row, 2])
        values = band[0, :, 0]
        axes.bar(range(len(values)), values, color=BLUE if row == 0 else ORANGE, width=0.9)
        axes.set_title(f"{name}: {len(values)} coefficients", fontsize=8, pad=2)
        axes.set_axis_off()
    for column, text in ((1, "analysis\n(learned filters)"), (3, "synthesis\n(same filters)")):
        axes = figure.add_subplot(grid[1:3, column])
        axes.add_patch(FancyArrowPatch((0.05, 0.5), (0.95, 0.5), arrowstyle="-|>", mutation_scale=14, color="black"))
        axes.text(0.5, 0.62, text, ha="center", va="bottom", fontsize=8)
        axes.set_axis_off()
    figure.savefig(path, bbox_inches="tight")


if __name__ == "__main__":
    draw(sys.argv[1])
