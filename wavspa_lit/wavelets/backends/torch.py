"""The inner loops as PyTorch's depthwise convolutions, on channels-last memory, and the gradient of their filters.

Autocast would run them in half precision; they stay in the dtype of their arguments.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad

BLOCK = 32
"""Coefficients that `filter_gradients` multiplies at a time."""


def down(x: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """`low_out[m] = sum_k low[k] x[2 m + k]` and the same for high; shapes as in `Loops`."""
    return correlate(x, low, stride=2), correlate(x, high, stride=2)


def up(low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor) -> Tensor:
    """`y[2 m + k] += low_filter[k] low[m] + high_filter[k] high[m]`; shapes as in `Loops`."""
    with torch.autocast(low.device.type, enabled=False):
        spread = [
            conv_transpose2d(_image(band), w.T[:, None, None, :], stride=(1, 2), groups=band.shape[2])
            for band, w in ((low, low_filter), (high, high_filter))
        ]
        return _sequence(spread[0] + spread[1])


def up_in_phases(low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor) -> Tensor:
    """The same as `up`: even and odd outputs are ordinary convolutions with the even and odd taps.

    On CPUs in float32 it takes half the time.
    """
    beyond = len(low_filter) // 2 - 1
    phases = []
    for phase in (0, 1):
        low_part, high_part = (
            correlate(band, w[phase::2].flip(0), padding=beyond) for band, w in ((low, low_filter), (high, high_filter))
        )
        phases.append(low_part + high_part)
    return torch.stack(phases, dim=2).flatten(1, 2)


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


def correlate(x: Tensor, filters: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """Correlates (batch, length, channels) with (taps, channels) where the windows fit, every `stride` samples.

    Before that, `padding` zeros are added at either end.
    """
    weight = filters.T[:, None, None, :]
    with torch.autocast(x.device.type, enabled=False):
        return _sequence(conv2d(_image(x), weight, stride=(1, stride), padding=(0, padding), groups=x.shape[2]))


def _image(x: Tensor) -> Tensor:
    """Views (batch, length, channels) as an image of height 1 in channels-last memory, without a copy."""
    return x.transpose(1, 2)[:, :, None]


def _sequence(image: Tensor) -> Tensor:
    """The inverse of `_image`."""
    return image[:, :, 0].transpose(1, 2)
