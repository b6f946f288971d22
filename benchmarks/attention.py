"""Time and peak memory of a block's forward and backward pass, for every attention in token and in wavelet space.

python benchmarks/attention.py --lengths 1024 4096 16384 65536
"""

import argparse
import math
import statistics
import time

import torch

from wavspa_lit.attention import ATTENTIONS, AttentionConfig
from wavspa_lit.nn import Block, EncoderConfig
from wavspa_lit.wavelets import WaveletConfig


def measure(block: torch.nn.Module, x: torch.Tensor, repeats: int) -> tuple[float, float]:
    """Milliseconds (median) and MiB beyond what is there before the forward pass."""
    device = x.device
    milliseconds = []
    for _ in range(repeats + 2):
        if device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16):
            y = block(x)
        y.float().square().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        milliseconds.append(1e3 * (time.perf_counter() - start))
        block.zero_grad()
        del y
    peak = (torch.cuda.max_memory_allocated() - before) / 2**20 if device.type == "cuda" else math.nan
    return statistics.median(milliseconds[2:]), peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[2**n for n in range(10, 17)])
    parser.add_argument("--attention", nargs="+", default=list(ATTENTIONS), choices=list(ATTENTIONS))
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--level", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(
        f"{name}, torch {torch.__version__}, bfloat16, eager; batch {arguments.batch}, {arguments.dim} channels, ",
        end="",
    )
    print(f"{arguments.heads} heads, wavelet db8 at level {arguments.level}; ms / MiB, median of {arguments.repeats}\n")
    print("| space | attention | " + " | ".join(f"{length:,}" for length in arguments.lengths) + " | growth |")
    print("|---|---|" + "--:|" * (len(arguments.lengths) + 1))
    for space in ("token", "wavelet"):
        for kind in arguments.attention:
            cells, times, peaks = [], [], []
            for length in arguments.lengths:
                torch.manual_seed(0)
                config = EncoderConfig(
                    dim=arguments.dim,
                    mlp_dim=2 * arguments.dim,
                    dropout=0.0,
                    space=space,
                    wavelet=WaveletConfig(level=arguments.level),
                    attention=AttentionConfig(kind, heads=arguments.heads),
                )
                block = Block(config, length).to(device)
                x = torch.randn(arguments.batch, length, arguments.dim, device=device)
                try:
                    milliseconds, peak = measure(block, x, arguments.repeats)
                except torch.OutOfMemoryError:
                    cells.append("out of memory")
                    continue
                times.append(milliseconds)
                peaks.append(peak)
                cells.append(f"{milliseconds:.1f} / {peak:.0f}")
            print(f"| {space} | {kind} | " + " | ".join(cells) + f" | {growth(times)} / {growth(peaks)} |", flush=True)


def growth(values: list[float]) -> str:
    """The power of the length with which the last doubling grows: 1 is linear, 2 quadratic."""
    return f"{math.log2(values[-1] / values[-2]):.1f}" if len(values) > 1 and values[-1] > 0 else "-"


if __name__ == "__main__":
    main()
