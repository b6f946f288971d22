"""Attention of padded rows: a mask, or the mask carried by eight more channels (`attention.softmax.unmasked`).

    python benchmarks/masked_attention.py

Forward and backward pass in bf16, compiled and replayed as a CUDA graph, for shapes of ListOps and Text whose rows are
between seven eighths and all of the batch's length. Prints a Markdown table with the largest difference of the valid
outputs, relative to the largest output. Needs a GPU.
"""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from wavspa_lit.attention.softmax import unmasked

SHAPES = {
    "ListOps, a band": (32, 4, 520, 32),
    "ListOps": (32, 4, 1040, 32),
    "Text, a band": (32, 4, 648, 64),
    "Text": (32, 4, 1296, 64),
}
REPLAYS = 50


def with_mask(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    """PyTorch's attention under a mask of keys."""
    return scaled_dot_product_attention(q, k, v, seen[:, None, None, :])


def with_channels(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    """The same without a mask."""
    return unmasked(q, k, v, seen, 0.0)


def measure(function, qkv: Tensor, seen: Tensor, weight: Tensor) -> tuple[float, Tensor]:
    """Milliseconds of a forward and backward pass, and the valid outputs (batch, heads, length, head_dim)."""
    function = torch.compile(function, dynamic=False)

    def run() -> Tensor:
        out = function(*(part.transpose(1, 2) for part in qkv.unbind(2)), seen) * seen[:, None, :, None]
        torch.autograd.grad(out, qkv, weight)
        return out

    with torch.cuda.stream(torch.cuda.Stream()):
        for _ in range(3):
            run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = run()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    graph.replay()
    start.record()
    for _ in range(REPLAYS):
        graph.replay()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / REPLAYS, out.detach().float()


def main() -> None:
    """Prints the table."""
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n")
    print("| shape (batch, heads, length, width) | mask, ms | channels, ms | difference |\n|---|--:|--:|--:|")
    for name, (batch, heads, length, width) in SHAPES.items():
        torch.manual_seed(0)
        qkv = torch.randn(batch, length, 3, heads, width, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        ends = torch.randint(7 * length // 8, length + 1, (batch, 1), device="cuda")
        seen = torch.arange(length, device="cuda") < ends
        weight = torch.randn(batch, heads, length, width, device="cuda", dtype=torch.bfloat16)
        (masked, expected), (free, out) = (measure(each, qkv, seen, weight) for each in (with_mask, with_channels))
        difference = ((out - expected).abs().max() / expected.abs().max()).item()
        print(f"| {name} {batch, heads, length, width} | {masked:.3f} | {free:.3f} | {difference:.0e} |", flush=True)


if __name__ == "__main__":
    main()
