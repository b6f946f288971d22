"""Local attention, as in the Long Range Arena (arXiv 2011.04006). Time and memory O(length · window)."""

from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from wavspa_lit.attention.base import WeightedAttention, seeing, valid_entries


class LocalAttention(WeightedAttention):
    """Softmax attention inside blocks that do not overlap.

    Args:
        dim: Channels of the input and the output.
        heads: Number of heads.
        window: Entries of a block.
        **options: See `WeightedAttention` and `Attention`.
    """

    def __init__(self, dim: int, heads: int = 4, *, window: int = 128, **options: Any) -> None:
        super().__init__(dim, heads, **options)
        self.window = window

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        length = q.shape[-2]
        blocks = -(-length // self.window)
        missing = blocks * self.window - length
        valid = pad(valid_entries(mask, q), (0, missing)).unflatten(-1, (blocks, self.window))
        q, k, v = (pad(x, (0, 0, 0, missing)).unflatten(-2, (blocks, self.window)) for x in (q, k, v))
        return self.weigh(q, k, v, seeing(valid)[:, None, :, None, :]).flatten(-3, -2)[..., :length, :]
