"""The learned filters of a checkpoint: what each layer's low-pass filters let through, beside where they started.

python examples/filters.py [CHECKPOINT or RUN]
"""

import sys
from pathlib import Path

import torch

from wavspa_lit import load
from wavspa_lit.wavelets import FilterBank, build_wavelet

SHIPPED = Path(__file__).parent.parent / "checkpoints" / "lego-ada"


def main(path: str | Path = SHIPPED) -> list[float]:
    """Prints a table and returns each layer's change of its filters, relative to their start."""
    model, changes = load(path), []
    print(model.expects)
    start = build_wavelet(model.encoder_config.wavelet, channels=model.encoder_config.dim)
    first = start.filters().dec_lo.detach()
    banks = [module for module in model.modules() if isinstance(module, FilterBank)]
    print("layer  change of the taps   response at 0, 1/4 and 1/2 of the sampling rate")
    for layer, bank in enumerate(banks, 1):
        taps = bank.filters().dec_lo.detach()
        response = torch.fft.rfft(taps, n=64, dim=0).abs().mean(1)[[0, 16, 32]]
        changes.append(((taps - first).norm() / first.norm()).item())
        print(f"{layer:5}  {100 * changes[-1]:16.1f} %   " + "  ".join(f"{value:.2f}" for value in response))
    return changes


if __name__ == "__main__":
    main(*sys.argv[1:])
