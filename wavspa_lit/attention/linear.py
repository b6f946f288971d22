"""Linear attention (Katharopoulos et al., arXiv 2006.16236). Time and memory O(length · head_dim²)."""

import torch
from torch import Tensor
from torch.nn.functional import elu

from wavspa_lit.attention.base import Attention
from wavspa_lit.precision import accumulable


class LinearAttention(Attention):
    """Attention with the kernel φ(q)·φ(k), φ = elu + 1; the sums over the keys are taken once, for all queries."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        return kernel_attention(elu(accumulable(q)) + 1, elu(accumulable(k)) + 1, v, mask, eps=1e-6)


def kernel_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, eps: float = 1e-30) -> Tensor:
    """Attention with weights proportional to q·k, for non-negative features; autocast does not change their dtype.

    Args:
        q: Query features (batch, heads, length, features), in float32 or float64.
        k: Key features, likewise.
        v: Values (batch, heads, length, head_dim).
        mask: (batch, length) bool, True for keys that count; None: all count.
        eps: Added to the normaliser, because it is 0 in rows without keys.

    Returns:
        (batch, heads, length, head_dim) in the dtype of `v`.
    """
    if mask is not None:
        k = k * mask[:, None, :, None]
    with torch.autocast(v.device.type, enabled=False):
        mixed = q @ (k.transpose(-1, -2) @ v.to(q.dtype))
        normaliser = q @ k.sum(-2, keepdim=True).transpose(-1, -2)
    return (mixed / (normaliser + eps)).to(v.dtype)
