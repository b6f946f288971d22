"""Which of PyTorch's attentions gives the same gradients twice, to the bit, and what each costs. Needs a GPU.

    python benchmarks/attention_repeats.py

Forward and backward pass in bf16, for shapes of Text, ListOps and LEGO, with and without padded rows; `strict` is
`torch.use_deterministic_algorithms(True)`, which `--trainer.deterministic true` sets. Prints a Markdown table.
"""

import statistics

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

SHAPES = {
    "Text, a band": (32, 4, 2048, 64),
    "Text": (32, 4, 4096, 64),
    "ListOps, a band": (32, 4, 1024, 32),
    "LEGO": (500, 4, 62, 32),
}
BACKENDS = (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION)


def milliseconds(run, repeats=20):
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def main() -> None:
    print(
        "| shape (batch, heads, length, width) | rows | attention | strict | repeats | ms |\n|---|---|---|---|---|--:|"
    )
    for name, shape in SHAPES.items():
        torch.manual_seed(0)
        qkv = [torch.randn(shape, device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in range(3)]
        gradient = torch.randn_like(qkv[0])
        ends = torch.randint(shape[2] // 4, shape[2] + 1, (shape[0], 1), device="cuda")
        padded = (torch.arange(shape[2], device="cuda") < ends)[:, None, None, :]
        for rows, mask in (("full", None), ("padded", padded)):
            for backend in BACKENDS:
                for strict in (False, True):
                    torch.use_deterministic_algorithms(strict)

                    def run(mask=mask, qkv=qkv, gradient=gradient):
                        return torch.autograd.grad(scaled_dot_product_attention(*qkv, mask), qkv, gradient)

                    start = f"| {name} {shape} | {rows} | {backend.name} | {'yes' if strict else 'no'} |"
                    try:
                        with sdpa_kernel(backend):
                            first = run()
                            same = all(all(map(torch.equal, first, run())) for _ in range(5))
                            print(f"{start} {'yes' if same else 'no'} | {milliseconds(run):.2f} |")
                    except RuntimeError:
                        print(f"{start} not available | |")


if __name__ == "__main__":
    main()
