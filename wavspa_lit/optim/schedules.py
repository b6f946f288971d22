"""Learning-rate schedules as pure functions of the step."""

import math

from wavspa_lit.optim.config import Schedule


def schedule_factor(step: int, kind: Schedule, warmup: int, total: int) -> float:
    """Factor by which the base learning rate is multiplied at optimiser step `step` (first step: 0).

    `rsqrt` is min(1, s / warmup) / sqrt(max(s, warmup)) with s = step + 1, the schedule of the Long Range Arena code;
    the others rise linearly to 1 and then stay (`constant`) or fall to 0 at `total` (`linear`, `cosine`).
    """
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if kind == "rsqrt":
        return rise / math.sqrt(max(step + 1, warmup))
    if kind == "constant" or step < warmup:
        return rise
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return 1.0 - progress if kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress))
