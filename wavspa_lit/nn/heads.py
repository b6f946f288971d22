"""What turns encoder states into predictions."""

from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["cls", "mean", "max"]


def pool(x: Tensor, mask: Tensor | None, how: Pooling) -> Tensor:
    """Pools states over the valid positions.

    Args:
        x: (batch, length, channels).
        mask: (batch, length) bool, True where valid; None: everywhere.
        how: `cls`, the first state; `mean` or `max` over the valid states.

    Returns:
        (batch, channels).
    """
    if how == "cls":
        return x[:, 0]
    if mask is None:
        return x.mean(1) if how == "mean" else x.amax(1)
    if how == "mean":
        return (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    return x.masked_fill(~mask[..., None], torch.finfo(x.dtype).min).amax(1)


class ClassificationHead(nn.Module):
    """Pooling, one hidden layer, logits (batch, classes)."""

    def __init__(self, dim: int, hidden: int, num_classes: int, pooling: Pooling) -> None:
        super().__init__()
        self.pooling: Pooling = pooling
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, num_classes))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps states (batch, length, channels) and their mask to logits (batch, classes)."""
        return self.mlp(pool(x, mask, self.pooling))


class TokenHead(nn.Linear):
    """Logits at every position: (batch, length, channels) to (batch, length, classes)."""
