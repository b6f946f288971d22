"""Compiles the Triton kernels before they are needed, while other things are prepared."""

from contextlib import suppress
from threading import Thread
from typing import Any

import torch

from wavspa_lit.wavelets.backends import triton
from wavspa_lit.wavelets.bank import FilterBank

LENGTH = 64
"""Samples of the signal that is transformed for it; any even number would do."""


def compile_kernels(bank: FilterBank, channels: int, dtype: torch.dtype, device: torch.device) -> list[Thread]:
    """Compiles the kernels for one level of a filter bank, each in a thread of its own.

    Otherwise the first forward and backward pass would compile them one after another. Triton leaves Python free for
    most of the time that this takes.

    Args:
        bank: The filter bank, on any device.
        channels: Of the signals.
        dtype: Of the signals.
        device: The GPU; without one, or without Triton, nothing happens.

    Returns:
        The threads. A kernel that cannot be compiled ends its thread quietly, because whoever needs it is told.
    """
    if not triton.AVAILABLE or device.type != "cuda":
        return []
    with torch.no_grad():
        filters = [f.to(device, torch.float32) for f in bank.correlated().for_channels(channels)]
    x = torch.zeros(1, LENGTH, channels, dtype=dtype, device=device)
    low, high = x.chunk(2, dim=1)
    calls: list[tuple[Any, ...]] = [
        (triton.down, x, *filters[:2], 0, LENGTH // 2),
        (triton.up, low, high, *filters[2:], 0, LENGTH),
        (triton.filter_gradient, x, low, high, len(filters[0]), 0),
    ]
    threads = [Thread(target=_compile, args=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def _compile(operator: Any, *arguments: Any) -> None:
    with suppress(Exception):
        operator(*arguments, "periodization", None, None)
