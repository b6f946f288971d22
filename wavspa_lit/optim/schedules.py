"""Learning-rate schedules as pure functions of the step."""

import math
from typing import get_args

from wavspa_lit.choices import check
from wavspa_lit.optim.config import Schedule


def schedule_factor(step: int, kind: Schedule, warmup: int, total: int, cycle: int = 1) -> float:
    """The factor of the learning rate at an optimiser step.

    `constant`, `linear` and `cosine` rise linearly to 1. Then `constant` stays there, and the others fall to 0 at
    `total`. `rsqrt` and `cosine_cycles` are those of the Long Range Arena's code, which start at 0: with
    r = min(1, step / warmup), `rsqrt` is r / sqrt(max(step, warmup)), and `cosine_cycles` is
    r (1 + cos(π frac((step - warmup) / cycle))) / 2.

    Args:
        step: Number of steps taken before.
        kind: The schedule.
        warmup: Steps of the warm-up.
        total: Step at which `linear` and `cosine` reach 0.
        cycle: Steps of a cycle of `cosine_cycles`.

    Raises:
        ValueError: If the schedule is not known.
    """
    check("schedule", kind, get_args(Schedule))
    if kind in ("rsqrt", "cosine_cycles"):
        rise = min(1.0, step / warmup) if warmup else 1.0
        if kind == "rsqrt":
            return rise / math.sqrt(max(step, warmup, 1))
        return rise * 0.5 * (1.0 + math.cos(math.pi * (max(0, step - warmup) / cycle % 1.0)))
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if kind == "constant" or step < warmup:
        return rise
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return 1.0 - progress if kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress))
