"""How exact the transforms are: `python benchmarks/wavelet_table.py docs` prints the tables of docs/wavelets.md."""

import csv
import itertools
import sys
import warnings
from pathlib import Path

import numpy
import pywt
import torch

from wavspa_lit.wavelets import (
    MODES,
    AdaptiveBank,
    AdaptiveLifting,
    FixedBank,
    LiftingScheme,
    OrthogonalBank,
    wavedec,
    waverec,
)

LENGTHS, LEVELS, CHANNELS = (1000, 1024, 2000, 2001, 4096), (1, 2, 3, 4), 4


def banks():
    angles = 2 * torch.pi * torch.rand(8, CHANNELS)
    return {
        "fixed db2": (FixedBank.from_wavelet("db2"), "db2"),
        "fixed bior4.4": (FixedBank.from_wavelet("bior4.4"), "bior4.4"),
        "adaptive db8": (AdaptiveBank.from_wavelet("db8", CHANNELS), "db8"),
        "adaptive db20": (AdaptiveBank.from_wavelet("db20", CHANNELS), "db20"),
        "orthogonal, 16 taps, random angles": (OrthogonalBank(angles), None),
        "lifting 5/3": (LiftingScheme(), None),
        "adaptive lifting, 16 taps": (AdaptiveLifting(16, CHANNELS), None),
    }


def reconstruction_rows():
    for (name, (bank, wavelet)), length, level in itertools.product(banks().items(), LENGTHS, LEVELS):
        x = torch.randn(2, length, CHANNELS)
        for mode in ["periodization"] if "lifting" in name else MODES:
            with torch.no_grad():
                back = waverec(wavedec(x, bank, level, mode), bank, length, mode)
            ours, theirs = float((back - x).abs().max()), ""
            if wavelet and mode != "official":
                bands = pywt.wavedec(x.numpy(), wavelet, mode, level, axis=1)
                theirs = float(numpy.abs(pywt.waverec(bands, wavelet, mode, axis=1)[:, :length] - x.numpy()).max())
            yield name, mode, length, level, ours, theirs


def reconstruction(folder):
    rows = list(reconstruction_rows())
    with (folder / "reconstruction.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["bank", "mode", "length", "level", "ours", "pywt"])
        table.writerows([*row[:4], *(f"{e:.1e}" if e != "" else "" for e in row[4:])] for row in rows)
    print("| bank | mode | level 1 | level 2 | level 3 | level 4 |\n|---|---|---|---|---|---|")
    for (name, mode), group in itertools.groupby(sorted(rows, key=lambda r: r[:2]), key=lambda r: r[:2]):
        members, cells = list(group), []
        for level in LEVELS:
            errors = [(ours, theirs) for *_, at, ours, theirs in members if at == level]
            ours, theirs = (max((e for e in column if e != ""), default=None) for column in zip(*errors, strict=True))
            cells.append(f"{ours:.0e}" + (f" / {theirs:.0e}" if theirs is not None else ""))
        print(f"| {name} | {mode} | " + " | ".join(cells) + " |")


def orthonormality():
    print("\n| taps | largest deviation from orthonormality, float32 | float64 |\n|---|---|---|")
    for taps in (2, 4, 16, 40, 76):
        angles = 2 * torch.pi * torch.rand(taps // 2, 1000, dtype=torch.float64)
        errors = [OrthogonalBank(angles, dtype=d).orthogonality_error() for d in (torch.float32, torch.float64)]
        print(f"| {taps} | " + " | ".join(f"{float(e.detach()):.0e}" for e in errors) + " |")


def padding():
    print("\n| bank | largest difference, padded and alone, over all modes and 3 levels |\n|---|---|")
    lengths = torch.tensor([200, 199, 64, 17, 3, 1])
    mask = torch.arange(200) < lengths[:, None]
    x = torch.randn(6, 200, CHANNELS)
    for name, (bank, _) in banks().items():
        worst = 0.0
        for mode in MODES:
            with torch.no_grad():
                bands = wavedec(x, bank, 3, mode, mask=mask)
                for row, length in enumerate(lengths.tolist()):
                    alone = wavedec(x[row : row + 1, :length], bank, 3, mode)
                    pairs = zip(bands, alone, strict=True)
                    worst = max(worst, *(float((b[row, : a.shape[1]] - a[0]).abs().max()) for b, a in pairs))
        print(f"| {name} | {worst:.0e} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    reconstruction(Path(sys.argv[1]))
    orthonormality()
    padding()
