"""Softmax attention (Vaswani et al., arXiv 1706.03762). Time O(length²), memory O(length) with fused kernels."""

from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from wavspa_lit.attention.base import Attention


class SoftmaxAttention(Attention):
    """Exact attention through PyTorch's fused kernels; with the token space this is the plain Transformer."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        if mask is not None:
            # A row with no valid entry would give NaN; let it attend to everything, its output is never read.
            mask = (mask | ~mask.any(-1, keepdim=True))[:, None, None, :]
        return scaled_dot_product_attention(q, k, v, mask, dropout_p=self.dropout if self.training else 0.0)
