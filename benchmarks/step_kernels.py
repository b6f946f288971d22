"""What a training step's time on the GPU goes to, by kinds of kernels; used by real_training.py."""

import re

import torch
from torch.profiler import ProfilerActivity, profile

KINDS = {
    "attention": r"sdpa|flash|fmha",
    "matrix products": r"nvjet|gemm|cutlass|cublas|splitK",
    "GELU with dropout": r"gelu",
    "norms": r"layer_norm",
    "transforms": r"^(down|up|gradient)$",
    "other compiled kernels": r"^triton_",
    "copies, sums, optimiser": r"",
}
"""Names of kernels, the first that matches: cuDNN, cuBLAS, Inductor's and ours."""

TOKENS = "valid tokens"
"""The last row of the table, because rows are of different batches."""


class StepKernels:
    """Profiles the steps from its creation to `take`."""

    def __init__(self) -> None:
        torch.cuda.synchronize()
        self.steps, self.tokens = 0, torch.zeros((), device="cuda")
        self.profile = profile(activities=[ProfilerActivity.CUDA])
        self.profile.__enter__()

    def count(self, tokens: torch.Tensor | int) -> None:
        """Counts a step of so many valid tokens."""
        self.steps += 1
        self.tokens += tokens

    def take(self) -> dict[str, float]:
        """Milliseconds a step, by kind, and valid tokens a step."""
        torch.cuda.synchronize()
        self.profile.__exit__(None, None, None)
        times = dict.fromkeys(KINDS, 0.0)
        for event in self.profile.key_averages():
            times[kind(event.key)] += event.self_device_time_total / 1000 / self.steps
        return times | {TOKENS: self.tokens.item() / self.steps}


def kind(kernel: str) -> str:
    """The kind of a kernel of that name."""
    return next(name for name, pattern in KINDS.items() if re.search(pattern, kernel))


def table(rows: dict[str, dict[str, float]]) -> str:
    """Rows of times, side by side."""
    lines = [f"| ms a step | {' | '.join(rows)} |", "|---|" + "--:|" * len(rows)]
    for name in KINDS:
        lines.append(f"| {name} | {' | '.join(f'{times[name]:.1f}' for times in rows.values())} |")
    lines.append(f"| in all | {' | '.join(f'{sum(times[name] for name in KINDS):.1f}' for times in rows.values())} |")
    lines.append(f"| {TOKENS} | {' | '.join(f'{times[TOKENS]:,.0f}' for times in rows.values())} |")
    return "\n".join(lines)
