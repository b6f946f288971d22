"""Absolute positions added to the token embeddings; rotary positions live in the attention."""

import math

import torch
from torch import Tensor, nn


def sinusoids(length: int, dim: int, device: torch.device | None = None) -> Tensor:
    """Sinusoidal positions (length, dim), float32: sines in even channels, cosines in odd ones (arXiv 1706.03762)."""
    frequency = torch.exp(torch.arange(0, dim, 2, device=device) * (-math.log(10_000.0) / dim))
    angle = torch.arange(length, device=device)[:, None] * frequency
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)


class SinusoidalPositions(nn.Module):
    """Adds `sinusoids`; works at every length."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (batch, length, channels) to the same shape."""
        return x + sinusoids(x.shape[1], x.shape[2], x.device).to(x.dtype)


class LearnedPositions(nn.Module):
    """Adds a learned vector for each position up to `max_length`; longer input is refused."""

    def __init__(self, max_length: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(max_length, dim)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (batch, length, channels) to the same shape; raises ValueError when length > max_length."""
        length, known = x.shape[1], self.embedding.num_embeddings
        if length > known:
            raise ValueError(
                f"learned positions cover {known} positions, the input has {length}; "
                "use positions sinusoidal, rotary or none to go beyond the trained length"
            )
        return x + self.embedding.weight[:length]


def build_positions(kind: str, max_length: int, dim: int) -> nn.Module:
    """Builds what is added to the embeddings; the identity for `none` and `rotary`."""
    if kind == "sinusoidal":
        return SinusoidalPositions()
    return LearnedPositions(max_length, dim) if kind == "learned" else nn.Identity()
