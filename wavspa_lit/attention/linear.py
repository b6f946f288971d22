"""Linear attention (Katharopoulos et al., arXiv 2006.16236). Time and memory O(length · head_dim²)."""

from torch import Tensor
from torch.nn.functional import elu

from wavspa_lit.attention.base import Attention


class LinearAttention(Attention):
    """Attention with the kernel φ(q)·φ(k), φ = elu + 1, summed over the keys once for all queries."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        return kernel_attention(elu(q.float()) + 1, elu(k.float()) + 1, v, mask)


def kernel_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, eps: float = 1e-6) -> Tensor:
    """Attention with weights proportional to q·k, for non-negative features.

    Args:
        q: Query features (batch, heads, length, features), float32: sums over long sequences need it.
        k: Key features, likewise.
        v: Values (batch, heads, length, head_dim).
        mask: (batch, length) bool, True for keys that count; None: all.
        eps: Added to the normaliser.

    Returns:
        (batch, heads, length, head_dim) in the dtype of `v`.
    """
    if mask is not None:
        k = k * mask[:, None, :, None]
    mixed = q @ (k.transpose(-1, -2) @ v.float())
    normaliser = q @ k.sum(-2, keepdim=True).transpose(-1, -2)
    return (mixed / (normaliser + eps)).to(v.dtype)
