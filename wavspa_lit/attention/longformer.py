"""Longformer (Beltagy et al., arXiv 2004.05150). Time and memory O(length · window)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from wavspa_lit.attention.base import Attention, AttentionConfig


class LongformerAttention(Attention):
    """Softmax attention to entries at most `window` / 2 away, and to and from the first `global_tokens` entries."""

    def __init__(self, config: AttentionConfig, dim: int, **options: Any) -> None:
        super().__init__(config, dim, **options)
        self.reach, self.global_tokens = config.window // 2, config.global_tokens

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        length, reach = q.shape[-2], max(1, self.reach)
        count = min(self.global_tokens, length)
        valid = mask if mask is not None else torch.ones(len(q), length, dtype=torch.bool, device=q.device)
        chunks = -(-length // reach)
        # Queries in chunks of `reach`; each sees its own chunk of keys, the one before and the one behind.
        q_chunks = pad(q, (0, 0, 0, chunks * reach - length)).unflatten(-2, (chunks, reach))
        margin = (reach, (chunks + 1) * reach - length)
        k_chunks, v_chunks = (pad(x, (0, 0, *margin)).unfold(-2, 3 * reach, reach).transpose(-1, -2) for x in (k, v))
        key = torch.arange(3 * reach, device=q.device) - reach
        near = (key - torch.arange(reach, device=q.device)[:, None]).abs() <= self.reach
        # A key that is global is seen as such, not a second time in the window.
        local = pad(valid & (torch.arange(length, device=q.device) >= count), margin).unfold(-1, 3 * reach, reach)
        allowed = near & local[:, :, None, :]
        if count:
            k_chunks, v_chunks = (
                torch.cat((x[:, :, None, :count].expand(-1, -1, chunks, -1, -1), chunked), -2)
                for x, chunked in ((k, k_chunks), (v, v_chunks))
            )
            everyone = valid[:, None, None, :count].expand(-1, chunks, reach, -1)
            allowed = torch.cat((everyone, allowed), -1)
        # Queries in the padding may see no key at all; let them see all rather than divide by zero.
        allowed = (allowed | ~allowed.any(-1, keepdim=True))[:, None]
        dropout = self.dropout if self.training else 0.0
        out = scaled_dot_product_attention(q_chunks, k_chunks, v_chunks, allowed, dropout_p=dropout)
        out = out.flatten(-3, -2)[..., :length, :]
        if count:
            every_key = (valid | ~valid.any(-1, keepdim=True))[:, None, None, :]
            first = scaled_dot_product_attention(q[..., :count, :], k, v, every_key, dropout_p=dropout)
            out = torch.cat((first, out[..., count:, :]), -2)
        return out
