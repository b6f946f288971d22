"""The two inner loops: correlate and keep every second sample, and its adjoint. Channels-last, fp32 accumulation.

Loops over the taps where a compiler is at work, PyTorch's convolutions otherwise; `fused` has the kernels for GPUs.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from wavspa_lit.wavelets import depthwise
from wavspa_lit.wavelets.compiled import CompiledDown, CompiledUp, loop_down, loop_up, use_compiled

SHORT = 8
"""Taps up to which the gradients of PyTorch's own convolutions are the faster ones on a CPU."""

BLOCK = 32
"""Coefficients that `filter_gradients` multiplies at a time."""


def filter_down(x: Tensor, low: Tensor, high: Tensor, count: int, backend: str = "auto") -> tuple[Tensor, Tensor]:
    """Correlates with both filters and keeps every second sample.

    Args:
        x: (batch, at least 2 * count + taps - 2, channels).
        low: (taps, channels).
        high: (taps, channels).
        count: Number of outputs.
        backend: See `wavedec`.

    Returns:
        `low_out[m] = sum_k low[k] x[2 m + k]` and the same for high, each (batch, count, channels), in the dtype of x.
    """
    taps, dtype = low.shape[0], x.dtype
    x, low, high = _accumulable(x[:, : 2 * count + taps - 2], low, high)
    if torch.compiler.is_compiling():
        outputs = loop_down(x, low, high, count)
    elif use_compiled(x, backend):
        outputs = CompiledDown.apply(x, low, high, count)
    else:
        outputs = (depthwise.down if _leaves_gradients(x, taps) else _Down.apply)(x, low, high)
    return outputs[0].to(dtype), outputs[1].to(dtype)


def filter_up(low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor, backend: str = "auto") -> Tensor:
    """The adjoint of `filter_down`: spreads the coefficients with both filters.

    Args:
        low: (batch, count, channels).
        high: (batch, count, channels).
        low_filter: (taps, channels).
        high_filter: (taps, channels).
        backend: See `wavedec`.

    Returns:
        `y[2 m + k] += low_filter[k] low[m] + high_filter[k] high[m]`, (batch, 2 * count + taps - 2, channels), in the
        dtype of the coefficients.
    """
    taps, dtype = low_filter.shape[0], low.dtype
    low, high, low_filter, high_filter = _accumulable(low, high, low_filter, high_filter)
    if torch.compiler.is_compiling():
        return loop_up(low, high, low_filter, high_filter).to(dtype)
    if use_compiled(low, backend):
        return CompiledUp.apply(low, high, low_filter, high_filter).to(dtype)
    up = depthwise.up if _leaves_gradients(low, taps) else _Up.apply
    return up(low, high, low_filter, high_filter).to(dtype)


def _leaves_gradients(x: Tensor, taps: int) -> bool:
    """Whether PyTorch's own gradients of convolutions serve; on GPUs it rounds to TF32 in those of short filters."""
    return taps <= SHORT and x.device.type == "cpu"


class _Down(torch.autograd.Function):
    """`filter_down` in eager mode; its gradients are `_Up` and `filter_gradients`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        return depthwise.down(x, low, high)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_low: Tensor, grad_high: Tensor) -> tuple[Tensor | None, ...]:
        x, low, high = ctx.saved_tensors
        needs_x, *needs_filters = ctx.needs_input_grad
        grad_x = _Up.apply(grad_low, grad_high, low, high) if needs_x else None
        if not any(needs_filters):
            return grad_x, None, None
        return grad_x, *filter_gradients(x, grad_low, grad_high, len(low))


class _Up(torch.autograd.Function):
    """`filter_up` in eager mode; its gradients are `_Down` and `filter_gradients`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor) -> Tensor:
        in_phases = low.device.type == "cpu" and low.dtype == torch.float32
        return (depthwise.up_in_phases if in_phases else depthwise.up)(low, high, low_filter, high_filter)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        low, high, low_filter, high_filter = ctx.saved_tensors
        needs = ctx.needs_input_grad
        bands = _Down.apply(grad, low_filter, high_filter) if any(needs[:2]) else (None, None)
        if not any(needs[2:]):
            return *bands, None, None
        return *bands, *filter_gradients(grad, low, high, len(low_filter))


def filter_gradients(x: Tensor, low: Tensor, high: Tensor, taps: int) -> tuple[Tensor, Tensor]:
    """`sum over batch and m of x[2 m + k] band[m]` for both bands, which depthwise convolutions are slow at.

    Blocks of a band are multiplied with the stretch of x that they meet, in one matrix product for each channel; the
    sums are along the diagonals of the products.

    Args:
        x: (batch, 2 * count + taps - 2, channels).
        low: (batch, count, channels).
        high: (batch, count, channels).
        taps: Length of the filters, even.

    Returns:
        Two tensors (taps, channels).
    """
    count, half = low.shape[1], taps // 2
    blocks = -(-count // BLOCK)
    missing, width = blocks * BLOCK - count, BLOCK + half - 1
    bands = torch.stack((low, high), dim=-1)  # (batch, count, channels, 2)
    bands = pad(bands, (0, 0, 0, 0, 0, missing)).unflatten(1, (blocks, BLOCK))
    left = bands.permute(3, 4, 2, 0, 1).flatten(3)  # (channels, 2, BLOCK, batch * blocks)
    phases = []
    for phase in (0, 1):
        samples = pad(x[:, phase::2], (0, 0, 0, missing)).unfold(1, width, BLOCK)  # (batch, blocks, channels, width)
        right = samples.permute(2, 0, 1, 3).flatten(1, 2)  # (channels, batch * blocks, width)
        with torch.autocast(x.device.type, enabled=False):
            products = (left.flatten(1, 2) @ right).unflatten(1, (2, BLOCK))  # (channels, 2, BLOCK, width)
        # Entry (t, t + j) of a BLOCK x width matrix lies at t (width + 1) + j when its rows are laid end to end.
        diagonals = pad(products.flatten(2), (0, BLOCK)).unflatten(2, (BLOCK, width + 1))[..., :half]
        phases.append(diagonals.sum(2))
    gradient = torch.stack(phases, dim=-1).flatten(2)  # (channels, 2, taps): taps alternate between the phases
    return gradient[:, 0].T, gradient[:, 1].T


def _accumulable(x: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """All tensors on the device and in the dtype of the signal x, but at least float32."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return tuple(tensor.to(x.device, dtype) for tensor in (x, *others))
