"""Discrete Fourier transforms of real rows as products with matrices of cosines and sines.

They serve runtimes that have no complex numbers, such as those of ONNX. Time and memory are O(length²), as those of
softmax attention; everything else uses the FFTs of `spectrum.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_wanted = ContextVar("matrices", default=False)


@contextmanager
def by_matrices() -> Iterator[None]:
    """Within it, Fourier spaces use the functions of this module."""
    token = _wanted.set(True)
    try:
        yield
    finally:
        _wanted.reset(token)


def wanted() -> bool:
    """Whether `by_matrices` holds; never for `torch.compile`, which would break its code in two to ask."""
    return not torch.compiler.is_dynamo_compiling() and _wanted.get()


def waves(rows: int, columns: int, mask: Tensor | None, like: Tensor) -> tuple[Tensor, Tensor]:
    """`cos(2π i j / n) / √n` and `sin(2π i j / n) / √n`, n being the length of each sequence of a batch.

    Args:
        rows: Number of i.
        columns: Number of j, and n without a mask.
        mask: (batch, length) bool, True for the samples; None: n is the larger of the two numbers.
        like: A tensor of the dtype and on the device that are wanted.

    Returns:
        Two tensors (batch or 1, rows, columns).
    """
    i, j = (torch.arange(size, device=like.device) for size in (rows, columns))
    if mask is None:
        n = torch.full((1, 1, 1), max(rows, columns), device=like.device)
    else:
        n = mask.sum(-1).clamp(min=1)[:, None, None]
    # Integers tell angles apart in long rows, where floats of that size would not.
    phase, length = ((i[:, None] * j) % n).to(like.dtype), n.to(like.dtype)
    angle, scale = phase * (2 * torch.pi) / length, length.rsqrt()
    return angle.cos() * scale, angle.sin() * scale


def real_dft(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of what `spectrum.real_dft` gives, but for frequencies that a row does not have."""
    x = x if mask is None else x * mask[..., None]
    cos, sin = waves(x.shape[1] // 2 + 1, x.shape[1], mask, x)
    return cos @ x, -(sin @ x)


def real_dft_inverse(real: Tensor, imaginary: Tensor, weight: Tensor, length: int, mask: Tensor | None) -> Tensor:
    """The inverse of `real_dft`.

    Args:
        real: (batch, frequencies, channels).
        imaginary: Likewise.
        weight: (batch or 1, frequencies), how often each frequency counts.
        length: Number of samples.
        mask: As for `real_dft`.

    Returns:
        (batch, length, channels), meaningless after each row's end.
    """
    cos, sin = waves(length, real.shape[1], mask, real)
    return cos @ (real * weight[..., None]) - sin @ (imaginary * weight[..., None])


def mixed(x: Tensor, mask: Tensor | None) -> Tensor:
    """The real part of the orthonormal two-dimensional transform over length and channels, as FNet has it."""
    x = x if mask is None else x * mask[..., None]
    cos, sin = waves(x.shape[2], x.shape[2], None, x)
    real, imaginary = x @ cos, -(x @ sin)
    cos, sin = waves(x.shape[1], x.shape[1], mask, x)
    return cos @ real + sin @ imaginary
