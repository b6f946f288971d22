"""Rotary position embedding (Su et al., arXiv 2104.09864)."""

import torch
from torch import Tensor


def rotate(x: Tensor, position: Tensor, base: float = 10_000.0) -> Tensor:
    """Rotates channel pairs (i, i + head_dim / 2) by an angle proportional to the position.

    Args:
        x: (..., head_dim) with an even head_dim, any floating dtype.
        position: Broadcasts to the axes before head_dim: where the entries lie, in tokens. For x (batch, length, heads,
            head_dim) it is (length, 1) or (batch, length, 1).
        base: The angle of channel pair i is position · base^(-2i / head_dim).

    Returns:
        The rotated tensor, in the same shape and dtype. Dot products of two rotated vectors depend on the difference of
        their positions alone.
    """
    half = x.shape[-1] // 2
    frequency = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = position[..., None].float() * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)
