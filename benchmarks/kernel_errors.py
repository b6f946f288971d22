"""How far the kernels are from float64, over random shapes: values, and gradients of signals and filters.

python benchmarks/kernel_errors.py --taps 2 8 16 --shapes 50

Errors are the largest ones in units of the largest exact value: of PyTorch's formulation in float64 on the same inputs.
Half of the shapes have rows of different lengths. Rows for `torch` are PyTorch's formulation in the kernels' dtype:
sums of thousands of terms that cancel are no more exact there. Rounding to bfloat16 alone is an error of 2 ** -8 =
3.9e-3 in the bands; the others come from rounded bands and are rounded again.

Each number of channels, mode and dtype has kernels of its own, and those of long filters take a CPU minutes to compile:
run a process for each number of taps and each mode.
"""

import argparse
import random
from collections import defaultdict

import torch
from torch import Tensor

from wavspa_lit.wavelets import AdaptiveBank, wavedec, waverec


def results(x: Tensor, bank: AdaptiveBank, level: int, mode: str, mask: Tensor | None, backend: str) -> list[Tensor]:
    """Bands, reconstruction, gradient of x, gradients of the filters."""
    x = x.detach().requires_grad_()
    bands = wavedec(x, bank, level, mode, mask=mask, backend=backend)  # type: ignore[arg-type]
    y = waverec(bands, bank, x.shape[1], mode, mask=mask, backend=backend)  # type: ignore[arg-type]
    weights = torch.linspace(-1, 1, y.shape[1]).bfloat16()
    gradients = torch.autograd.grad((y * weights.to(x)[:, None]).sum(), [x, *bank.parameters()])
    return [*bands, y, *gradients]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taps", type=int, nargs="+", default=[2, 8, 16])
    parser.add_argument("--modes", nargs="+", default=["periodization", "reflect", "official"])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--channels", type=int, nargs="+", default=[3, 16, 64, 144, 256], help="drawn from these")
    parser.add_argument("--shapes", type=int, default=50)
    parser.add_argument("--longest", type=int, default=3000)
    parser.add_argument("--backends", nargs="+", default=["triton", "torch"], choices=["triton", "torch"])
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU, interpreted"
    print(f"{name}, torch {torch.__version__}; {arguments.shapes} shapes each, seed 0; largest relative errors\n")
    print("| taps | mode | dtype | backend | bands | reconstruction | gradients of signals | gradients of filters |")
    print("|--:|---|---|---|--:|--:|--:|--:|")
    for taps in arguments.taps:
        for mode in arguments.modes:
            for dtype in arguments.dtypes:
                rng, worst = random.Random(0), defaultdict(float)
                for seed in range(arguments.shapes):
                    torch.manual_seed(seed)
                    batch, length = rng.randint(1, 9), rng.randint(2 * taps, arguments.longest)
                    channels, masked = rng.choice(arguments.channels), seed % 2
                    x = torch.randn(batch, length, channels, device=device).to(getattr(torch, dtype))
                    ends = torch.randint(taps, length + 1, (batch, 1), device=device)
                    mask = torch.arange(length, device=device) < ends if masked else None
                    bank = AdaptiveBank.from_wavelet(f"db{taps // 2}", channels).to(device)
                    found = {backend: results(x, bank, 1, mode, mask, backend) for backend in arguments.backends}
                    exact = results(x.double(), bank.double(), 1, mode, mask, "torch")
                    kinds = ["bands"] * 2 + ["y", "signals"] + ["filters"] * (len(exact) - 4)
                    for backend, actual in found.items():
                        for kind, value, truth in zip(kinds, actual, exact, strict=True):
                            error = (value.double() - truth).abs().max() / truth.abs().max()
                            worst[backend, kind] = max(worst[backend, kind], error.item())
                for backend in arguments.backends:
                    errors = (f"{worst[backend, kind]:.1e}" for kind in ("bands", "y", "signals", "filters"))
                    print(f"| {taps} | {mode} | {dtype} | {backend} | {' | '.join(errors)} |", flush=True)


if __name__ == "__main__":
    main()
