"""Plain-data description of the optimiser and its schedule."""

from dataclasses import dataclass
from typing import Literal

from wavspa_lit.choices import check_fields, warn_unread

Schedule = Literal["constant", "linear", "cosine", "rsqrt", "cosine_cycles"]


@dataclass
class OptimizerConfig:
    """AdamW with a warm-up and a schedule counted in optimiser steps."""

    lr: float = 1e-3
    """Peak learning rate (for `rsqrt`: the factor in front of 1 / sqrt(step))."""
    weight_decay: float = 0.01
    """Decoupled weight decay; filters, angles, norms, biases and embeddings never decay."""
    beta1: float = 0.9
    """Decay rate of the first moment."""
    beta2: float = 0.999
    """Decay rate of the second moment. While nothing is learned yet, a smaller one makes steps on noise larger, and the
    residual stream grows several times as fast."""
    eps: float = 1e-8
    """Term that keeps the update finite."""
    schedule: Schedule = "cosine"
    """Shape after the warm-up; rsqrt and cosine_cycles are those of the Long Range Arena's code."""
    warmup_steps: int = 100
    """Steps over which the learning rate rises linearly from 0."""
    total_steps: int | None = None
    """Steps at which `linear` and `cosine` reach 0; default: the length of the training."""
    cycle_steps: int = 10_000
    """cosine_cycles: steps in which the learning rate falls to 0, to start again at its peak."""

    def __post_init__(self) -> None:
        check_fields(self, "optimizer")
        if self.lr <= 0:
            raise ValueError(f"optimizer.lr must be positive, got {self.lr}")
        if self.weight_decay < 0:
            raise ValueError(f"optimizer.weight_decay must not be negative, got {self.weight_decay}")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"optimizer.{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.eps < 0:
            raise ValueError(f"optimizer.eps must not be negative, got {self.eps}")
        if self.warmup_steps < 0:
            raise ValueError(f"optimizer.warmup_steps must not be negative, got {self.warmup_steps}")
        if self.cycle_steps < 1:
            raise ValueError(f"optimizer.cycle_steps must be at least 1, got {self.cycle_steps}")
        unread = set() if self.schedule in ("linear", "cosine") else {"total_steps"}
        unread |= set() if self.schedule == "cosine_cycles" else {"cycle_steps"}
        warn_unread(self, "optimizer", unread, f"optimizer.schedule {self.schedule}")
