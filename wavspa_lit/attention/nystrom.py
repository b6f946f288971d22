"""Nyströmformer (Xiong et al., arXiv 2102.03902). Time and memory O(length · landmarks)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, scaled_dot_product_attention

from wavspa_lit.attention.base import Attention, seeing, valid_entries

ITERATIONS = 6
"""Steps towards the inverse; the paper's code takes as many."""


class NystromAttention(Attention):
    """Softmax attention through landmarks: `softmax(q k̃ᵀ) · softmax(q̃ k̃ᵀ)⁺ · softmax(q̃ kᵀ) · v`.

    The landmarks q̃ and k̃ are the means of segments of each row without its padding. The segments' lengths differ by one
    entry at most, and a row shorter than the number of landmarks has one for each entry. A depthwise convolution of the
    values is added. The weights have no dropout, because they are signed. All of it runs in float32, because the
    inverse does not survive half precision.

    Args:
        dim: Channels of the input and the output.
        heads: Number of heads.
        landmarks: Number of segments.
        conv_size: Width of the convolution, an odd number; 0: none.
        **options: See `Attention`.
    """

    def __init__(self, dim: int, heads: int = 4, *, landmarks: int = 64, conv_size: int = 33, **options: Any) -> None:
        super().__init__(dim, heads, **options)
        self.landmarks = landmarks
        self.conv: nn.Conv2d | None = None
        if conv_size:
            size, padding = (conv_size, 1), (conv_size // 2, 0)
            self.conv = nn.Conv2d(heads, heads, size, padding=padding, groups=heads, bias=False)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        dtype, length, valid = v.dtype, v.shape[-2], valid_entries(mask, q)
        member, used = segments(valid, min(self.landmarks, length))
        with torch.autocast(v.device.type, enabled=False):
            q, k, v = (x.to(torch.promote_types(dtype, torch.float32)) for x in (q, k, v))
            average = (member / member.sum(-1, keepdim=True).clamp(min=1).to(q.dtype))[:, None]
            q_mean, k_mean = average @ q, average @ k
            keys, marks = (seeing(entries)[:, None, None, :] for entries in (valid, used))
            scores = q_mean @ k_mean.transpose(-1, -2) * self.head_dim**-0.5
            kernel = scores.masked_fill(~marks, -torch.inf).softmax(-1) * used[:, None, :, None]
            summary = pseudo_inverse(kernel) @ scaled_dot_product_attention(q_mean, k, v, keys)
            out = scaled_dot_product_attention(q, k_mean, summary, marks)
            if self.conv is not None:
                weight = self.conv.weight.to(v.dtype)
                out = out + conv2d(v * valid[:, None, :, None], weight, padding="same", groups=self.heads)
        return out.to(dtype)


def segments(valid: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Splits the valid entries of each row into segments whose lengths differ by one at most.

    Args:
        valid: (batch, length) bool, True for the entries, which come before the padding.
        count: Largest number of segments.

    Returns:
        Which entries belong to each segment, (batch, count, length) bool; and which segments a row has, (batch, count)
        bool, because a row of fewer entries than `count` has only as many segments as entries.
    """
    entries = valid.sum(-1, keepdim=True)
    own = entries.clamp(max=count)
    segment = torch.arange(valid.shape[1], device=valid.device) * own // entries.clamp(min=1)
    index = torch.arange(count, device=valid.device)
    return (segment[:, None, :] == index[:, None]) & valid[:, None, :], index < own


def pseudo_inverse(x: Tensor) -> Tensor:
    """The Moore-Penrose inverse of matrices (..., n, n) by `ITERATIONS` steps of the paper's third-order iteration.

    The start is scaled by each matrix's own norms. The paper's code takes the largest norms of the whole batch, which
    would make a row's result depend on the others.
    """
    norms = x.abs().sum(-1).amax(-1) * x.abs().sum(-2).amax(-1)
    inverse = x.transpose(-1, -2) / norms.clamp(min=1e-6)[..., None, None]
    identity = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    for _ in range(ITERATIONS):
        product = x @ inverse
        inverse = inverse @ (13 * identity - product @ (15 * identity - product @ (7 * identity - product))) / 4
    return inverse
