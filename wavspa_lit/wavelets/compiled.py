"""The inner loops as loops over the taps, which the compiler turns into one pass over the data.

`torch.compile` gets them as they are. In eager mode, `CompiledDown` and `CompiledUp` compile them on their own when the
signal is large enough to be worth some seconds, once, and then a disk cache keeps them.
"""

import warnings
from collections.abc import Callable, Iterable
from functools import cache, reduce
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn.functional import pad

from wavspa_lit.speed import start_compiler
from wavspa_lit.wavelets import depthwise

LOOPED = 32
"""Taps up to which loops are faster than PyTorch's convolutions; the gradients of filters are loops in any case."""
LARGE = 2**20
"""Samples from which a signal on a CPU is worth the compilation."""


def use_compiled(x: Tensor, backend: str) -> bool:
    """Whether the loops are compiled for x outside of `torch.compile`.

    Raises:
        ValueError: If the backend is "compiled" and there is no working C++ compiler.
    """
    if torch._C._are_functorch_transforms_active() or isinstance(x, FakeTensor):
        return False  # the compiler does not see through vmap, and there is nothing to be fast at without data
    if backend == "compiled":
        if not compiler_works():
            raise ValueError('backend "compiled" needs a C++ compiler such as g++; install it or use backend "auto"')
        return True
    return backend == "auto" and x.device.type == "cpu" and x.numel() >= LARGE and compiler_works()


@cache
def compiler_works() -> bool:
    """Tries the compiler once; says so if it fails."""
    try:
        start_compiler()
        torch.compile(lambda x: x.sin() + 1)(torch.zeros(64))
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        warnings.warn(f"wavelets on CPUs are several times slower without a C++ compiler: {reason}", stacklevel=2)
        return False
    return True


def loop_down(x: Tensor, low: Tensor, high: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """`low_out[m] = sum_k low[k] x[2 m + k]` and the same for high; shapes as in `filter_down`."""
    taps = low.shape[0]
    shifted = [x[:, k : k + 2 * count - 1 : 2] for k in range(taps)]
    return _total(low[k] * shifted[k] for k in range(taps)), _total(high[k] * shifted[k] for k in range(taps))


def loop_up(low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor) -> Tensor:
    """`y[2 m + k] += low_filter[k] low[m] + high_filter[k] high[m]`; shapes as in `filter_up`.

    Even and odd outputs are two ordinary convolutions with the even and odd taps.
    """
    half = low_filter.shape[0] // 2
    low, high = (pad(band, (0, 0, half - 1, half - 1)) for band in (low, high))
    count = low.shape[1] - half + 1
    phases = [
        _total(
            w[2 * j + phase] * band[:, half - 1 - j : half - 1 - j + count]
            for band, w in ((low, low_filter), (high, high_filter))
            for j in range(half)
        )
        for phase in (0, 1)
    ]
    return torch.stack(phases, dim=2).flatten(1, 2)


def loop_gradients(x: Tensor, low: Tensor, high: Tensor, taps: int) -> tuple[Tensor, Tensor]:
    """`sum over batch and m of x[2 m + k] band[m]` for both bands: (taps, channels) each."""
    count = low.shape[1]
    shifted = [x[:, k : k + 2 * count - 1 : 2] for k in range(taps)]
    return torch.stack([(s * low).sum((0, 1)) for s in shifted]), torch.stack([(s * high).sum((0, 1)) for s in shifted])


class CompiledDown(torch.autograd.Function):
    """`loop_down`; its gradients are `CompiledUp` and `loop_gradients`."""

    @staticmethod
    def forward(x: Tensor, low: Tensor, high: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """See `loop_down`; x has exactly 2 * count + taps - 2 samples."""
        if _convolved(x, low):
            return depthwise.down(x, low, high)
        return _run(loop_down, low, x, low, high, count)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keeps the inputs only."""
        ctx.save_for_backward(*inputs[:3])

    @staticmethod
    def backward(ctx: Any, grad_low: Tensor, grad_high: Tensor) -> tuple[Tensor | None, ...]:
        """Differentiable again."""
        x, low, high = ctx.saved_tensors
        needs = ctx.needs_input_grad
        grad_x = CompiledUp.apply(grad_low, grad_high, low, high) if needs[0] else None
        return grad_x, *_filter_gradients(x, grad_low, grad_high, low, any(needs[1:3])), None


class CompiledUp(torch.autograd.Function):
    """`loop_up`; its gradients are `CompiledDown` and `loop_gradients`."""

    @staticmethod
    def forward(low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor) -> Tensor:
        """See `loop_up`."""
        if _convolved(low, low_filter):
            return depthwise.up_in_phases(low, high, low_filter, high_filter)
        return _run(loop_up, low_filter, low, high, low_filter, high_filter)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keeps the inputs only."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Differentiable again."""
        low, high, low_filter, high_filter = ctx.saved_tensors
        needs = ctx.needs_input_grad
        bands = (None, None)
        if any(needs[:2]):
            bands = CompiledDown.apply(grad, low_filter, high_filter, low.shape[1])
        return *bands, *_filter_gradients(grad, low, high, low_filter, any(needs[2:]))


def _convolved(x: Tensor, filters: Tensor) -> bool:
    """Whether PyTorch's convolutions are faster than loops, which wait for the cache when filters are long."""
    return len(filters) > LOOPED and x.dtype == torch.float32


def _filter_gradients(x: Tensor, low: Tensor, high: Tensor, filters: Tensor, needed: bool) -> Any:
    if not needed:
        return None, None
    if torch.is_grad_enabled():  # somebody wants second derivatives
        return loop_gradients(x, low, high, len(filters))
    return _run(loop_gradients, filters, x, low, high, len(filters))


def _run(loop: Callable[..., Any], filters: Tensor, *arguments: Any) -> Any:
    """The compiled loop, for any batch and length; the channels are the compiler's to know."""
    ready = []
    for argument in arguments:
        if isinstance(argument, Tensor):
            argument = argument.detach()
            if argument.dim() == 3:
                for axis in (0, 1):
                    torch._dynamo.maybe_mark_dynamic(argument, axis)
        ready.append(argument)
    with torch.no_grad(), torch.autocast(filters.device.type, enabled=False):
        return _compiled(loop, tuple(filters.shape), filters.dtype, filters.device.type)(*ready)


@cache
def _compiled(loop: FunctionType, shape: tuple[int, ...], dtype: torch.dtype, device: str) -> Callable[..., Any]:
    """A compilation of its own for each kind of filter: the compiler gives up on functions that it compiles often."""
    return torch.compile(FunctionType(loop.__code__.replace(), loop.__globals__))


def _total(terms: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, terms)
