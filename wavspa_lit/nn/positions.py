"""Absolute positions added to the token embeddings; rotary and ALiBi positions live in the attention."""

import math

import torch
from torch import Tensor, nn

from wavspa_lit.errors import LengthError
from wavspa_lit.nn.config import EncoderConfig


def sinusoids(positions: Tensor, dim: int) -> Tensor:
    """Sines in the even channels and cosines in the odd (arXiv 1706.03762): (...,) to (..., dim), float32."""
    exponents = torch.arange(0, dim, 2, device=positions.device) * (-math.log(10_000.0) / dim)
    angle = positions[..., None] * exponents.exp()
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(-2)


class NoPositions(nn.Module):
    """Adds nothing."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns x."""
        return x


class SinusoidalPositions(nn.Module):
    """Adds `sinusoids` of 0, 1, 2, ...; works at every length."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps x (batch, length, channels) to the same shape."""
        return x + sinusoids(torch.arange(x.shape[1], device=x.device), x.shape[2]).to(x.dtype)


class LearnedPositions(nn.Module):
    """Adds a learned vector for each position up to `max_length`; longer input is refused."""

    def __init__(self, max_length: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(max_length, dim)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps x (batch, length, channels) to the same shape; LengthError if it is longer than max_length."""
        length, known = x.shape[1], self.embedding.num_embeddings
        if length > known:
            raise LengthError(
                f"learned positions cover {known} positions, the input has {length}; "
                "use positions sinusoidal, rotary, alibi, randomized or none to go beyond the trained length"
            )
        return x + self.embedding.weight[:length]


class DrawnPositions(nn.Module):
    """Draws a random increasing sequence of positions, so that large ones are trained (arXiv 2305.16843).

    In training, a new subset of 0 ... max_position - 1 is drawn at every step. In evaluation, sequences of one length
    always get the same subset, so that results can be repeated and do not depend on padding.

    Args:
        max_position: Upper end of the positions.
        max_length: Longest trained input, or 0 if that is not known; LengthError if it exceeds max_position.
    """

    ranks: Tensor

    def __init__(self, max_position: int, max_length: int = 0) -> None:
        super().__init__()
        self._check(max_length, max_position)
        ranks = torch.randperm(max_position, generator=torch.Generator().manual_seed(0))
        self.register_buffer("ranks", ranks, persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Draws positions for a batch.

        Args:
            x: (batch, length, channels), of which only the shape and the device matter.
            mask: (batch, length) bool, True for tokens, False for the padding after them; None: no padding.

        Returns:
            (batch, length) int64, or (1, length) without a mask. After a row's end positions go on one apart.

        Raises:
            LengthError: If the input is longer than max_position.
        """
        length, known = x.shape[1], len(self.ranks)
        self._check(length, known)
        ranks = torch.randperm(known, device=x.device) if self.training else self.ranks
        lengths = torch.full((1,), length, device=x.device) if mask is None else mask.sum(-1)
        # Each row takes the positions of the lowest ranks, as many as it has tokens, in increasing order.
        taken = torch.where(ranks < lengths[:, None], torch.arange(known, device=x.device), known)
        taken = taken.sort(-1).values[:, :length]
        last = (lengths[:, None] - 1).clamp(min=0)
        beyond = torch.arange(length, device=x.device) - last
        return torch.where(beyond > 0, taken.gather(1, last) + beyond, taken)

    @staticmethod
    def _check(length: int, known: int) -> None:
        if length > known:
            raise LengthError(
                f"randomized positions lie below {known}, the input has {length}; raise encoder.max_position"
            )


class RandomizedPositions(nn.Module):
    """Adds `sinusoids` of `DrawnPositions`, whose arguments it takes."""

    def __init__(self, max_position: int, max_length: int = 0) -> None:
        super().__init__()
        self.drawn = DrawnPositions(max_position, max_length)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps x (batch, length, channels) to the same shape; LengthError if it is longer than max_position."""
        return x + sinusoids(self.drawn(x, mask), x.shape[2]).to(x.dtype)


def build_positions(config: EncoderConfig, max_length: int | None) -> nn.Module:
    """Builds what is added to the embeddings; training sees at most `max_length` tokens, if that is known."""
    if config.positions == "sinusoidal":
        return SinusoidalPositions()
    if config.positions == "learned":
        if max_length is None:
            raise ValueError("positions learned have a vector for each position; give max_length, the longest input")
        return LearnedPositions(max_length, config.dim)
    if config.positions == "randomized":
        return RandomizedPositions(config.max_position, max_length or 0)
    return NoPositions()
