"""Softmax attention (Vaswani et al., arXiv 1706.03762). Time O(length²), memory O(length) with fused kernels."""

import torch
from torch import Tensor

from wavspa_lit.attention.base import WeightedAttention, seeing


class SoftmaxAttention(WeightedAttention):
    """Exact attention through PyTorch's fused kernels; with the token space this is the plain Transformer."""

    alibi = True

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        bias = None if mask is None else seeing(mask)[:, None, None, :]
        if self.positions == "alibi":
            distances = alibi(self.heads, k.shape[-2], self.stride, k)
            bias = distances if bias is None else distances.masked_fill(~bias, -torch.inf)
        return self.weigh(q, k, v, bias)


def alibi(heads: int, length: int, stride: int, like: Tensor) -> Tensor:
    """Linear biases (heads, length, length) for both directions (Press et al., arXiv 2108.12409): -slope · distance.

    The slopes are 2^(-8 h / heads) for h = 1 ... heads; distances are in tokens. Memory is O(heads · length²).
    """
    slopes = 2.0 ** (-8.0 * torch.arange(1, heads + 1, device=like.device) / heads)
    position = torch.arange(length, device=like.device) * stride
    return (-slopes[:, None, None] * (position[:, None] - position).abs()).to(like.dtype)
