"""How the Triton kernels are launched: programs, tiles, warps."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from wavspa_lit.wavelets.backends import triton_samples as samples

WARPS = 1056
"""Warps of a launch if the signals are long enough: all that an H200 can run at once with 255 registers a thread."""
TWO_CHANNELS = 16
"""Taps up to which the registers hold those of two channels."""
CHUNK = 40
"""Taps whose gradients one program can keep in registers."""


def contiguous_channels(x: Tensor) -> Tensor:
    """A tensor (batch, length, channels) whose channels lie side by side in memory."""
    return x if x.stride(2) == 1 else x.contiguous()


def program_shape(channels: int, taps: int) -> tuple[int, int]:
    """Channels and warps of a program: at most two warps, with two channels a thread if the taps fit into registers."""
    vector = 2 if taps <= TWO_CHANNELS and channels > 32 else 1
    block = min(64 * vector, max(32, 1 << (channels - 1).bit_length()))
    return block, block // (32 * vector)


def unrolled(kernel: str, taps: int) -> int:
    """Coefficients that a program computes between two rounds of loads. More of them hide more of the latency."""
    return 4 if taps > CHUNK or (kernel == "gradient" and taps > TWO_CHANNELS) else 8


def tiles_of(kernel: str, batch: int, count: int, channels: int, taps: int) -> tuple[int, int]:
    """Into how many tiles the length is cut, and how many coefficients a tile has."""
    if isinstance(count, torch.SymInt):  # compiled for all lengths: a choice by length would be compiled for each
        rows = 128 if kernel == "gradient" else 32
        return (count + rows - 1) // rows, rows
    block, warps = program_shape(channels, taps)
    least = max(1, batch * warps * -(-channels // block))
    # All at once, or so many that it does not matter when the last ones run.
    wanted = WARPS // least if 2 * least <= WARPS else 4 * WARPS // least
    unroll, shortest = unrolled(kernel, taps), 64 if kernel == "gradient" else 16
    rows = -(-max(shortest, -(-count // max(1, wanted))) // unroll) * unroll
    return -(-count // rows), rows


def launch(
    name: str,
    kernel: Any,
    arguments: tuple[Any, ...],
    strides: tuple[int, ...],
    size: tuple[int, int, int, int],
    constants: tuple[Any, ...],
) -> None:
    """Launches a kernel, unless there is nothing to compute.

    Args:
        name: The kernel's name, by which tiles are chosen.
        kernel: The kernel, as `wrap_triton` gives it.
        arguments: The kernel's first arguments. The sixth and the seventh are the lengths of rows, or None.
        strides: The arguments that follow these.
        size: Batch, coefficients, channels and taps.
        constants: The rule, one of `RULES`, and the numbers of taps for which the kernel is compiled.
    """
    batch, count, channels, taps = size
    if not isinstance(count, torch.SymInt) and not batch * count * channels:
        return
    block, warps = program_shape(channels, taps)
    tiles, rows = tiles_of(name, *size)
    rule, *sizes = constants
    programs = batch * tiles * -(-channels // block)
    device: Any = arguments[0].device
    masked = arguments[5] is not None
    if not masked:  # It is not read. Without it, rows without masks would need a kernel of their own.
        arguments = (*arguments[:5], *(arguments[0].new_empty(1, dtype=torch.int64),) * 2, *arguments[7:])
    choices = (getattr(samples, rule.upper()).value, (samples.MASKED if masked else samples.UNMASKED).value)
    constants = (*sizes, block, block // (32 * warps), unrolled(name, taps))
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        kernel[(programs,)](*arguments, *strides, tiles, rows, *choices, *constants, num_warps=warps)
