"""Softmax attention (Vaswani et al., arXiv 1706.03762). Time O(length²), memory O(length) with fused kernels."""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from wavspa_lit.attention.base import HALF, LIFT, WeightedAttention, seeing, with_channels
from wavspa_lit.padding import once
from wavspa_lit.private_torch import exporting

SHORT = 32
"""Tokens up to which `products` is faster, if heads have at most half as many channels."""

NARROW = 32
"""Channels of a head up to which `unmasked` is faster than a mask."""


class SoftmaxAttention(WeightedAttention):
    """Exact attention through PyTorch's fused kernels; with the token space this is the plain Transformer."""

    alibi = True

    def forward(self, x: Tensor, mask: Tensor | None = None, position: Tensor | None = None) -> Tensor:
        """See `Attention.forward`."""
        seen = None if mask is None else once(mask, "seen", lambda: seeing(mask))
        return super().forward(x, seen, position)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`; a row in which no entry is valid has a mask of all entries."""
        half = q.is_cuda and q.dtype in HALF
        if mask is not None and half and self.head_dim <= NARROW and self.positions != "alibi" and not exporting():
            return unmasked(q, k, v, mask, self.dropout if self.training else 0.0)
        plain = mask is None and self.positions != "alibi" and not (self.training and self.dropout)
        compiled = torch.compiler.is_compiling() and not exporting()
        if plain and half and compiled and self.head_dim <= SHORT // 2 and k.shape[-2] <= SHORT:
            return products(q, k, v)
        bias = None if mask is None else mask[:, None, None, :]
        if self.positions == "alibi":
            distances = alibi(self.heads, k.shape[-2], self.stride, k)
            bias = distances if bias is None else distances.masked_fill(~bias, -torch.inf)
        return self.weigh(q, k, v, bias)


def products(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention as two matrix products and a softmax between them, which `torch.compile` fuses with what surrounds it.

    The fused kernels of attention work on tiles of 64 tokens and as many channels, so that short rows of narrow heads
    are mostly padding to them. LEGO's bands of 31 tokens, heads of 16 channels, train at 154 steps/s instead of 139
    (`python benchmarks/real_training.py --tasks lego --models wavspa-1`, H200). Scores are kept in float32, as fused
    kernels keep them; that costs no time.

    Args:
        q: Queries (batch, heads, length, head_dim).
        k: Keys, likewise.
        v: Values, likewise.
    """
    with torch.autocast(q.device.type, enabled=False):
        scores = (q.float() * q.shape[-1] ** -0.5) @ k.float().transpose(-2, -1)
    return scores.softmax(-1).to(v.dtype) @ v


def unmasked(q: Tensor, k: Tensor, v: Tensor, seen: Tensor, dropout: float) -> Tensor:
    """Attention to the keys that are seen, by kernels that know no mask, which are faster.

    More channels put the scores of the other keys 36,864 / √head_dim below those of the keys that are seen, so that
    their weights are 0 in every precision. With heads of 32 channels it takes 0.7 to 0.8 of the time of a mask, with
    64 all of it (`python benchmarks/masked_attention.py`, H100).

    Args:
        q: Queries (batch, heads, length, head_dim).
        k: Keys, likewise.
        v: Values, likewise.
        seen: (batch, length) bool, at least one in each row.
        dropout: Dropout on the weights.
    """
    q, k, scale = with_channels(q, k, torch.where(seen, LIFT, -4096.0))
    return scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scale)


def alibi(heads: int, length: int, stride: int, like: Tensor) -> Tensor:
    """Linear biases (heads, length, length) for both directions (Press et al., arXiv 2108.12409): -slope · distance.

    The slopes are 2^(-8 h / heads) for h = 1 ... heads; distances are in tokens. Memory is O(heads · length²).
    """
    slopes = 2.0 ** (-8.0 * torch.arange(1, heads + 1, device=like.device) / heads)
    position = torch.arange(length, device=like.device) * stride
    return (-slopes[:, None, None] * (position[:, None] - position).abs()).to(like.dtype)
