"""The two inner loops, correlate and keep every second sample and its adjoint, as each other's gradients."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Loops(NamedTuple):
    """Both inner loops, differentiable any number of times, in the dtype of their arguments.

    `down(x, low, high)`: x is (batch, 2 * count + taps - 2, channels), the filters are (taps, channels). Returns
    `sum_k low[k] x[2 m + k]` and the same for high, each (batch, count, channels).
    `up(low, high, low_filter, high_filter)`: its adjoint `y[2 m + k] += low_filter[k] low[m] + high_filter[k] high[m]`.
    """

    down: Callable[..., tuple[Tensor, Tensor]]
    up: Callable[..., Tensor]


def differentiable(down: Callable[..., Any], up: Callable[..., Any], gradients: Callable[..., Any]) -> Loops:
    """Loops whose gradients are each other, and `gradients` for the filters.

    Args:
        down: See `Loops`.
        up: See `Loops`.
        gradients: Maps x, low, high and taps to `sum over batch and m of x[2 m + k] band[m]` for both bands, (taps,
            channels) each.
    """
    code = SimpleNamespace(down=down, up=up, gradients=gradients)  # no tuple: torch.func would look into it
    return Loops(partial(_Down.apply, code), partial(_Up.apply, code))


class _Down(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(code: Any, x: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        return code.down(x, low, high)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.code = inputs[0]
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, grad_low: Tensor, grad_high: Tensor) -> tuple[Tensor | None, ...]:
        x, low, high = ctx.saved_tensors
        _, needs_x, *needs_filters = ctx.needs_input_grad
        grad_x = _Up.apply(ctx.code, grad_low, grad_high, low, high) if needs_x else None
        filters = ctx.code.gradients(x, grad_low, grad_high, len(low)) if any(needs_filters) else (None, None)
        return None, grad_x, *filters


class _Up(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(code: Any, low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor) -> Tensor:
        return code.up(low, high, low_filter, high_filter)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.code = inputs[0]
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        low, high, low_filter, high_filter = ctx.saved_tensors
        needs = ctx.needs_input_grad[1:]
        bands = _Down.apply(ctx.code, grad, low_filter, high_filter) if any(needs[:2]) else (None, None)
        filters = ctx.code.gradients(grad, low, high, len(low_filter)) if any(needs[2:]) else (None, None)
        return None, *bands, *filters
