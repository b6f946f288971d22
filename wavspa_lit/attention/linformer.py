"""Linformer (Wang et al., arXiv 2006.04768). Time and memory O(length · rank)."""

from typing import Any

import torch
from torch import Tensor, nn

from wavspa_lit.attention.base import WeightedAttention
from wavspa_lit.errors import LengthError


class LinformerAttention(WeightedAttention):
    """Softmax attention over `rank` learned mixtures of the keys; the values are mixed in the same way.

    Shorter input uses the first rows of the projection, and padding contributes nothing.

    Args:
        dim: Channels of the input and the output.
        heads: Number of heads.
        max_length: Largest number of entries; longer input is refused.
        rank: Number of mixtures.
        **options: See `WeightedAttention` and `Attention`.
    """

    def __init__(self, dim: int, heads: int = 4, *, max_length: int, rank: int = 128, **options: Any) -> None:
        super().__init__(dim, heads, **options)
        self.max_length = max_length
        self.projection = nn.Parameter(torch.empty(max_length, rank))
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
        return self.weigh(q, mixture @ k, mixture @ v)
