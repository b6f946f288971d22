"""Linformer (Wang et al., arXiv 2006.04768). Time and memory O(length · rank)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from wavspa_lit.attention.base import Attention, AttentionConfig
from wavspa_lit.errors import LengthError


class LinformerAttention(Attention):
    """Softmax attention over `rank` learned mixtures of the keys, the same mixtures for the values.

    Shorter input uses the first rows of the projection; padding contributes nothing. Longer input than the band's
    maximum is refused.
    """

    def __init__(self, config: AttentionConfig, dim: int, **options: Any) -> None:
        super().__init__(config, dim, **options)
        self.projection = nn.Parameter(torch.empty(self.max_length, config.rank))
        nn.init.xavier_uniform_(self.projection)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`; raises LengthError when the band is longer than its maximum."""
        length = k.shape[-2]
        if length > self.max_length:
            raise LengthError(
                f"linformer projects at most {self.max_length} entries of this band, the input has {length}; "
                "raise data.max_length, or use another attention to go beyond the trained length"
            )
        if mask is not None:
            k, v = (x * mask[:, None, :, None] for x in (k, v))
        mixture = self.projection[:length].to(k.dtype).T
        return scaled_dot_product_attention(
            q, mixture @ k, mixture @ v, dropout_p=self.dropout if self.training else 0.0
        )
