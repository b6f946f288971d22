"""The two inner loops: correlate and keep every second sample, and its adjoint. Channels-last, fp32 accumulation.

Fused kernels belong behind these two functions.
"""

from collections.abc import Iterable
from functools import reduce

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad


def filter_down(x: Tensor, low: Tensor, high: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Correlates with both filters and keeps every second sample.

    Args:
        x: (batch, at least 2 * count + taps - 2, channels).
        low: (taps, channels).
        high: (taps, channels).
        count: Number of outputs.

    Returns:
        `low_out[m] = sum_k low[k] x[2 m + k]` and the same for high, each (batch, count, channels), in the dtype of x.
    """
    taps, dtype = low.shape[0], x.dtype
    x, low, high = _accumulable(x[:, : 2 * count + taps - 2], low, high)
    if torch.compiler.is_compiling():
        # The compiler fuses the loop into one pass over x; a depthwise convolution it cannot touch.
        shifted = [x[:, k : k + 2 * count - 1 : 2] for k in range(taps)]
        outputs = [_total(w[k] * shifted[k] for k in range(taps)) for w in (low, high)]
    else:
        outputs = [correlate(x, w, stride=2) for w in (low, high)]
    return outputs[0].to(dtype), outputs[1].to(dtype)


def filter_up(low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor) -> Tensor:
    """The adjoint of `filter_down`: spreads the coefficients with both filters.

    Args:
        low: (batch, count, channels).
        high: (batch, count, channels).
        low_filter: (taps, channels).
        high_filter: (taps, channels).

    Returns:
        `y[2 m + k] += low_filter[k] low[m] + high_filter[k] high[m]`, (batch, 2 * count + taps - 2, channels), in the
        dtype of the coefficients.
    """
    taps, dtype = low_filter.shape[0], low.dtype
    low, high, low_filter, high_filter = _accumulable(low, high, low_filter, high_filter)
    if torch.compiler.is_compiling():
        # Even and odd outputs are two ordinary convolutions with the even and odd taps.
        half = taps // 2
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
        return torch.stack(phases, dim=2).flatten(1, 2).to(dtype)
    with torch.autocast(low.device.type, enabled=False):
        spread = [
            conv_transpose2d(_image(band), w.T[:, None, None, :], stride=(1, 2), groups=band.shape[2])
            for band, w in ((low, low_filter), (high, high_filter))
        ]
    return (spread[0] + spread[1])[:, :, 0].transpose(1, 2).to(dtype)


def correlate(x: Tensor, filters: Tensor, stride: int) -> Tensor:
    """Correlates (batch, length, channels) with (taps, channels) where the windows fit, every `stride` samples.

    Autocast would run this in half precision; it stays in the dtype of its arguments.
    """
    with torch.autocast(x.device.type, enabled=False):
        out = conv2d(_image(x), filters.T[:, None, None, :], stride=(1, stride), groups=x.shape[2])
    return out[:, :, 0].transpose(1, 2)


def _image(x: Tensor) -> Tensor:
    """Views (batch, length, channels) as an image of height 1 in channels-last memory, without a copy."""
    return x.transpose(1, 2)[:, :, None]


def _accumulable(x: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """All tensors on the device and in the dtype of the signal x, but at least float32."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return tuple(tensor.to(x.device, dtype) for tensor in (x, *others))


def _total(terms: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, terms)
