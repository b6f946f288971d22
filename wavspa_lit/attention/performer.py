"""Performer (Choromanski et al., arXiv 2009.14794). Time and memory O(length · features · head_dim)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from wavspa_lit.attention.base import Attention
from wavspa_lit.attention.linear import kernel_attention
from wavspa_lit.precision import accumulable


class PerformerAttention(Attention):
    """FAVOR+: softmax attention estimated with positive orthogonal random features.

    The features are part of the state dict, so that a checkpoint computes what was trained.

    Args:
        dim: Channels of the input and the output.
        heads: Number of heads.
        features: Number of random features; None: 4 * head_dim.
        redraw_interval: Training steps after which the features are drawn anew; 0: never.
        **options: See `Attention`.
    """

    projection: Tensor
    steps: Tensor

    def __init__(
        self, dim: int, heads: int = 4, *, features: int | None = None, redraw_interval: int = 0, **options: Any
    ) -> None:
        super().__init__(dim, heads, **options)
        self.redraw_interval = redraw_interval
        self.register_buffer("projection", orthogonal_features(features or 4 * self.head_dim, self.head_dim))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        if self.training and self.redraw_interval:
            self._redraw()
        with torch.autocast(v.device.type, enabled=False):
            q_log, k_log = self._log_features(accumulable(q)), self._log_features(accumulable(k))
        if mask is not None:
            k_log = k_log.masked_fill(~mask[:, None, :, None], -torch.inf)
        # A factor that all keys share, or all features of a query, cancels in the weights. The largest is taken out
        # before exp, because that could overflow otherwise.
        largest = k_log.detach().amax((-1, -2), keepdim=True).nan_to_num(neginf=0.0)
        features_q = (q_log - q_log.detach().amax(-1, keepdim=True)).exp()
        return kernel_attention(features_q, (k_log - largest).exp(), v, mask)

    def _log_features(self, x: Tensor) -> Tensor:
        x = x * self.head_dim**-0.25
        return x @ self.projection.to(x.dtype).T - x.square().sum(-1, keepdim=True) / 2

    @torch.no_grad()
    def _redraw(self) -> None:
        self.steps += 1
        if int(self.steps) % self.redraw_interval == 0:
            features, head_dim = self.projection.shape
            self.projection.copy_(orthogonal_features(features, head_dim, self.projection.device))


class PerformerReluAttention(Attention):
    """The variant that WavSpA's code runs under the name Performer: relu features of normalised q, k and v."""

    def __init__(self, dim: int, heads: int = 4, **options: Any) -> None:
        super().__init__(dim, heads, **options)
        self.norms = nn.ModuleList(nn.LayerNorm(self.head_dim, eps=1e-6) for _ in range(3))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        q, k, v = (norm(x) for norm, x in zip(self.norms, (q, k, v), strict=True))
        return kernel_attention(relu(accumulable(q)) + 1e-3, relu(accumulable(k)) + 1e-3, v, mask)


def orthogonal_features(features: int, head_dim: int, device: torch.device | None = None) -> Tensor:
    """Random directions (features, head_dim), orthogonal within each block of head_dim, with the norms of Gaussians."""
    # `orthogonal_` is uniform over all rotations. A bare QR decomposition is not, because of its choice of signs.
    blocks = [
        nn.init.orthogonal_(torch.empty(head_dim, head_dim, device=device)) for _ in range(-(-features // head_dim))
    ]
    norms = torch.randn(features, head_dim, device=device).norm(dim=1, keepdim=True)
    return torch.cat(blocks)[:features] * norms
