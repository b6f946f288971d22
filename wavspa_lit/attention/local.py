"""Local attention, as in the Long Range Arena (arXiv 2011.04006). Time and memory O(length · window)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from wavspa_lit.attention.base import Attention, AttentionConfig


class LocalAttention(Attention):
    """Softmax attention inside blocks of `window` entries that do not overlap."""

    def __init__(self, config: AttentionConfig, dim: int, **options: Any) -> None:
        super().__init__(config, dim, **options)
        self.window = config.window

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        length = q.shape[-2]
        blocks = -(-length // self.window)
        missing = blocks * self.window - length
        q, k, v = (pad(x, (0, 0, 0, missing)).unflatten(-2, (blocks, self.window)) for x in (q, k, v))
        valid = mask if mask is not None else torch.ones(len(q), length, dtype=torch.bool, device=q.device)
        valid = pad(valid, (0, missing)).unflatten(-1, (blocks, self.window))
        allowed = (valid | ~valid.any(-1, keepdim=True))[:, None, :, None, :]
        out = scaled_dot_product_attention(q, k, v, allowed, dropout_p=self.dropout if self.training else 0.0)
        return out.flatten(-3, -2)[..., :length, :]
