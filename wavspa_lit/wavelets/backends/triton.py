"""The fused kernels as PyTorch operators that differentiate, twice as well, and that `torch.compile` takes as they are.

`down` and `up` with the same rule, offset and lengths are adjoints, so that each is the other's gradient. Gradients are
deterministic. The operators do not support `torch.func.vmap`: use `backend="torch"` there.
"""

import os
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op, triton_op, wrap_triton
from torch.nn.functional import pad

from wavspa_lit.streams import aside, is_aside
from wavspa_lit.wavelets.boundary import extend, inside

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""Whether Triton runs kernels in Python, on the CPU."""

AVAILABLE = find_spec("triton") is not None and bool(INTERPRETED or torch.version.cuda or torch.version.hip)
"""Whether triton is installed and can run. A PyTorch for CPUs does not import it, because that takes seconds."""

if AVAILABLE:
    from wavspa_lit.wavelets.backends import triton_kernels as kernels
    from wavspa_lit.wavelets.backends.triton_launch import CHUNK, contiguous_channels, launch, tiles_of

    # PyTorch looks for names in `wrap_triton`, so that its caches tell versions of the kernels apart.
    down_kernel, up_kernel, gradient_kernel = kernels.down, kernels.up, kernels.gradient

RULES = ("zero", "periodization", "cropped", "periodic", "constant", "symmetric", "reflect", "official")
"""What lies beyond the ends of a signal: those of pywt's modes in which it is one sample, and `cropped`. That is for
the synthesis: periodization in which the sample that makes an odd signal even is 0 instead of a repetition."""

DTYPES = (torch.float32, torch.bfloat16, torch.float16)

# The compiler looks into a triton_op and launches its kernels itself, which costs less than Python does.
_operator = partial(triton_op if AVAILABLE and not INTERPRETED else custom_op, mutates_args=())


def analyse(
    x: Tensor, filters: Sequence[Tensor], mode: str, count: int, lengths: Tensor | None, counts: Tensor | None
) -> tuple[Tensor, Tensor]:
    """One level of analysis: `down` with any boundary rule. What x holds after the end of a row is not read."""
    taps = len(filters[0])
    if mode in RULES:
        return down(x, *filters, _offset(taps, mode), count, mode, lengths, counts)
    # Extend in float32, because rounding the extension would put errors into boundary coefficients and their gradients.
    extended = extend(inside(x.float(), lengths), taps - 2, taps - 1, mode, lengths)
    return down(extended, *filters, 0, count, "zero", None if lengths is None else lengths + 2 * taps - 3, counts)


def synthesise(
    bands: Sequence[Tensor],
    filters: Sequence[Tensor],
    mode: str,
    total: int | None,
    lengths: Tensor | None,
    counts: Tensor | None,
) -> Tensor:
    """One level of synthesis by `up`; the signal is cropped to `total` samples unless that is None."""
    taps, whole = len(filters[0]), 2 * bands[0].shape[1]
    rule = "cropped" if mode == "periodization" else "zero"
    if mode != "periodization":
        whole -= (taps - 2) * (2 if mode == "official" else 1)
    length = whole if total is None else min(whole, total)
    return up(*bands, *filters, _offset(taps, mode), length, rule, lengths, counts)


def correlate(x: Tensor, filters: Tensor, lengths: Tensor | None) -> Tensor:
    """Circular correlation of each row, `y[n] = sum_k filters[k] x[n + k]`, by `down`.

    Even outputs are those of the filters, odd ones those of the filters one tap later, so that one pass reads x.

    Args:
        x: (batch, length, channels). What it holds after the end of a row is not read.
        filters: (taps, channels).
        lengths: (batch,) int64, the length of each row; None: all rows are as long as x.

    Returns:
        (batch, length, channels) in the dtype of x; after the end of a row it may hold anything.
    """
    more = 2 - len(filters) % 2  # the kernels take an even number of taps
    even, odd = pad(filters, (0, 0, 0, more)), pad(filters, (0, 0, 1, more - 1))
    counts = None if lengths is None else (lengths + 1) // 2
    outputs = down(x, even, odd, 0, (x.shape[1] + 1) // 2, "periodic", lengths, counts)
    return torch.stack(outputs, dim=2).flatten(1, 2)[:, : x.shape[1]]


def _offset(taps: int, mode: str) -> int:
    """The tap that meets the first sample in the first coefficient."""
    return taps // 2 - 1 if mode == "periodization" else taps - 2


@_operator("wavspa_lit::down")
def down(
    x: Tensor,
    low_filter: Tensor,
    high_filter: Tensor,
    offset: int,
    count: int,
    rule: str,
    lengths: Tensor | None,
    counts: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Correlates with both filters and keeps every second sample.

    Args:
        x: (batch, length, channels), float32, bfloat16 or float16.
        low_filter: (taps, channels), an even number of taps.
        high_filter: (taps, channels).
        offset: The tap that meets sample 0 in coefficient 0.
        count: Number of outputs.
        rule: What x is beyond its ends, of `RULES`.
        lengths: (batch,) int64, the length of each row of x; None: all rows are as long as x.
        counts: (batch,) int64, the length of each row of the outputs, which are 0 after it; None exactly if lengths is
            None.

    Returns:
        `low[m] = sum_k low_filter[k] x[2 m + k - offset]` and the same for high, (batch, count, channels).
    """
    x, channels, taps = contiguous_channels(x), x.shape[2], len(low_filter)
    low, high = (x.new_empty(len(x), count, channels) for _ in range(2))
    launch(
        "down",
        wrap_triton(down_kernel),
        (x, low_filter, high_filter, low, high, lengths, counts, x.shape[1], count, offset, channels),
        (x.stride(0), x.stride(1), *low_filter.stride()),
        (len(x), count, channels, taps),
        (rule, taps),
    )
    return low, high


@_operator("wavspa_lit::up")
def up(
    low: Tensor,
    high: Tensor,
    low_filter: Tensor,
    high_filter: Tensor,
    offset: int,
    length: int,
    rule: str,
    lengths: Tensor | None,
    counts: Tensor | None,
) -> Tensor:
    """The adjoint of `down` for a signal of that length; arguments as there.

    Returns:
        (batch, length, channels), in the dtype of low: `y[2 m + k - offset] += low_filter[k] low[m] + high_filter[k]
        high[m]`, to which is added back, through the rule, what falls beyond the ends.
    """
    low, high, channels, taps = contiguous_channels(low), contiguous_channels(high), low.shape[2], len(low_filter)
    y = low.new_empty(len(low), length, channels)
    launch(
        "up",
        wrap_triton(up_kernel),
        (low, high, low_filter, high_filter, y, lengths, counts, length, low.shape[1], offset, channels),
        (low.stride(0), low.stride(1), high.stride(0), high.stride(1), *low_filter.stride()),
        (len(low), (offset + length + 1) // 2 - offset // 2, channels, taps),
        (rule, taps),
    )
    return y


@_operator("wavspa_lit::filter_gradient")
def filter_gradient(
    x: Tensor,
    low: Tensor,
    high: Tensor,
    taps: int,
    offset: int,
    rule: str,
    lengths: Tensor | None,
    counts: Tensor | None,
) -> Tensor:
    """`sum over batch and m of x[2 m + k - offset] low[m]`, and the same for high: (2, taps, channels), float32."""
    x, low, high = contiguous_channels(x), contiguous_channels(low), contiguous_channels(high)
    batch, count, channels = low.shape
    parts = []
    for first in range(0, taps, CHUNK):
        some = min(CHUNK, taps - first)
        tiles, _ = tiles_of("gradient", batch, count, channels, some)
        both = x.new_empty(2, batch * tiles, some, channels, dtype=torch.float32)
        launch(
            "gradient",
            wrap_triton(gradient_kernel),
            (x, low, high, *both, lengths, counts, x.shape[1], count, offset - first, channels),
            (x.stride(0), x.stride(1), low.stride(0), low.stride(1), high.stride(0), high.stride(1)),
            (batch, count, channels, some),
            (rule, some, taps),
        )
        parts.append(both.sum(1))
    return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


@down.register_fake
def _(x, low_filter, high_filter, offset, count, rule, lengths, counts):  # type: ignore[no-untyped-def]
    return x.new_empty(len(x), count, x.shape[2]), x.new_empty(len(x), count, x.shape[2])


@up.register_fake
def _(low, high, low_filter, high_filter, offset, length, rule, lengths, counts):  # type: ignore[no-untyped-def]
    return low.new_empty(len(low), length, low.shape[2])


@filter_gradient.register_fake
def _(x, low, high, taps, offset, rule, lengths, counts):  # type: ignore[no-untyped-def]
    return x.new_empty(2, taps, x.shape[2], dtype=torch.float32)


def _keep_down(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, low_filter, high_filter, ctx.offset, _, ctx.rule, lengths, counts = inputs
    ctx.aside = is_aside(low_filter)
    ctx.save_for_backward(x, low_filter, high_filter, lengths, counts)


def _down_backward(ctx: Any, low: Tensor, high: Tensor) -> tuple[Tensor | None, ...]:
    x, low_filter, high_filter, lengths, counts = ctx.saved_tensors
    needs, rows = ctx.needs_input_grad, (ctx.rule, lengths, counts)
    filters = _of_filters(ctx, x, low, high, len(low_filter), ctx.offset, *rows) if any(needs[1:3]) else (None, None)
    signal = up(low, high, low_filter, high_filter, ctx.offset, x.shape[1], *rows) if needs[0] else None
    return signal, *filters, None, None, None, None, None


def _of_filters(ctx: Any, *arguments: Any) -> Tensor:
    return aside(filter_gradient, *arguments) if ctx.aside else filter_gradient(*arguments)


def _keep_up(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    low, high, low_filter, high_filter, ctx.offset, _, ctx.rule, lengths, counts = inputs
    ctx.aside = is_aside(low_filter)
    ctx.save_for_backward(low, high, low_filter, high_filter, lengths, counts)


def _up_backward(ctx: Any, y: Tensor) -> tuple[Tensor | None, ...]:
    low, high, low_filter, high_filter, lengths, counts = ctx.saved_tensors
    needs, rows = ctx.needs_input_grad, (ctx.rule, lengths, counts)
    filters = _of_filters(ctx, y, low, high, len(low_filter), ctx.offset, *rows) if any(needs[2:4]) else (None, None)
    bands = down(y, low_filter, high_filter, ctx.offset, low.shape[1], *rows) if any(needs[:2]) else (None, None)
    return *bands, *filters, None, None, None, None, None


def _keep_gradient(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, low, high, _, ctx.offset, ctx.rule, lengths, counts = inputs
    ctx.save_for_backward(x, low, high, lengths, counts)


def _gradient_backward(ctx: Any, filters: Tensor) -> tuple[Tensor | None, ...]:
    low_filter, high_filter = filters
    x, low, high, lengths, counts = ctx.saved_tensors
    needs, rows = ctx.needs_input_grad, (ctx.rule, lengths, counts)
    signal = up(low, high, low_filter, high_filter, ctx.offset, x.shape[1], *rows) if needs[0] else None
    bands = down(x, low_filter, high_filter, ctx.offset, low.shape[1], *rows) if any(needs[1:3]) else (None, None)
    return signal, *bands, None, None, None, None, None


down.register_autograd(_down_backward, setup_context=_keep_down)
up.register_autograd(_up_backward, setup_context=_keep_up)
filter_gradient.register_autograd(_gradient_backward, setup_context=_keep_gradient)
