"""Draws docs/pathfinder.png: generated images of every size and difficulty.

python scripts/pathfinder_picture.py
"""

import argparse

import numpy
import PIL.Image
import PIL.ImageDraw

from datamodules.sources.pathfinder import SIZES, Settings, draw

CELL, GAP = 128, 4


def picture() -> PIL.Image.Image:
    """A row per size; for each difficulty, an image with label 1 and one with label 0."""
    width, height = 6 * (CELL + GAP), 4 * (CELL + GAP) + 14
    sheet = PIL.Image.new("L", (width, height), 90)
    pen = PIL.ImageDraw.Draw(sheet)
    for column, difficulty in enumerate(("easy", "intermediate", "hard")):
        for side, label in enumerate((1, 0)):
            left = (2 * column + side) * (CELL + GAP)
            pen.text((left + 2, 1), f"{difficulty}, label {label}", fill=255)
            for row, resolution in enumerate(SIZES):
                image = _first(Settings(resolution, difficulty), label)
                sheet.paste(PIL.Image.fromarray(image).resize((CELL, CELL)), (left, 14 + row * (CELL + GAP)))
    return sheet


def _first(settings: Settings, wanted: int) -> numpy.ndarray:
    index = 0
    while True:
        image, label, *_ = draw(settings, index)
        if label == wanted:
            return image
        index += 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="docs/pathfinder.png")
    output = parser.parse_args().output
    picture().save(output)
    print(output)
