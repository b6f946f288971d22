"""Longformer (Beltagy et al., arXiv 2004.05150). Time and memory O(length · window)."""

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import pad

from wavspa_lit.attention.base import WeightedAttention, fused_attention, seeing, valid_entries
from wavspa_lit.speed import compiled_for

BLOCK = 128
"""Entries of the blocks of queries and keys that FlexAttention computes or leaves out; the kernels' own default."""
TRITON = find_spec("triton") is not None


class LongformerAttention(WeightedAttention):
    """Softmax attention to entries at most `window` / 2 away, and to and from the first `global_tokens` entries.

    This is PyTorch's fused attention over overlapping chunks of the sequence. With `flex` it is one kernel on GPUs,
    FlexAttention (Dong et al., arXiv 2412.05496), where that has all that is asked for. Both give the same values.
    Masks must have the padding after the valid entries, as those of all spaces do.

    Args:
        dim: Channels of the input and the output.
        heads: Number of heads.
        window: Width of the sliding window, centred, in entries.
        global_tokens: Number of entries at the front that see all and are seen by all, such as a CLS token.
        flex: FlexAttention on GPUs, where it can do what is asked for.
        **options: See `WeightedAttention` and `Attention`.
    """

    def __init__(
        self,
        dim: int,
        heads: int = 4,
        *,
        window: int = 128,
        global_tokens: int = 0,
        flex: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(dim, heads, **options)
        self.reach, self.global_tokens, self.flex = window // 2, global_tokens, flex

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        _, heads, length, width = q.shape
        dropout = self.dropout if self.training else 0.0
        # FlexAttention has no dropout. Its kernels take neither double precision nor heads narrower than 16, and heads
        # wider than 128 do not fit every GPU. A band of one block gains nothing, because all its blocks are computed.
        fits = dropout == 0.0 and q.dtype != torch.float64 and 16 <= width <= 128 and length > BLOCK
        there = q.is_cuda and TRITON and torch.cuda.get_device_capability(q.device) >= (8, 0)
        compiling = torch.compiler.is_compiling()
        if not (self.flex and there and fits and (compiling or not _watched())):
            return _chunked(q, k, v, mask, self.reach, self.global_tokens, dropout)
        ends = None if mask is None else mask.sum(-1, dtype=torch.int32)
        flex = _flex
        if not compiling:
            # Without compilation it would hold all scores in memory. Lengths, batches and bands are variables of the
            # compiled code. `fullgraph` makes it an error if the compiler gives up.
            constant = (q.dtype, heads, width, ends is None, torch.is_grad_enabled())
            flex = compiled_for(_flex, *constant, dynamic=True, fullgraph=True)
        return flex(q, k, v, ends, self.reach, self.global_tokens)


def _watched() -> bool:
    """Whether somebody watches every operation, to count it or to replace it.

    A compiled function would hide its operations from them.
    """
    return torch._C._len_torch_dispatch_stack() > 0 or torch._C._are_functorch_transforms_active()


def _flex(q: Tensor, k: Tensor, v: Tensor, ends: Tensor | None, reach: int, count: int) -> Tensor:
    """FlexAttention of q, k and v, each (batch, heads, length, head_dim).

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        ends: (batch,) int, the number of valid entries of each row; None: all are valid.
        reach: Largest distance that is seen.
        count: Number of global entries.
    """
    length = q.shape[-2]
    blocks = length // BLOCK
    if length % BLOCK:  # as a branch, because for whole blocks the compiler then leaves out the checks of bounds
        blocks += 1
    # Which blocks see which is computed from their places, because the mask of all entries, from which PyTorch would
    # derive it, is as large as all scores.
    block = torch.arange(blocks, device=q.device)
    front = block * BLOCK < count
    seen = ((block[:, None] - block).abs() * BLOCK < reach + BLOCK) | front[:, None] | front
    order = seen.int().argsort(dim=-1, descending=True, stable=True).int()

    def visible(row: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        near = ((i - j).abs() <= reach) | (i < count) | (j < count)
        # Rows are given by one number each, which is cheaper to read than a mask of keys. Queries in the padding see
        # all that is near, at least themselves, because softmax over no key is NaN.
        return near if ends is None else near & ((j < ends[row]) | (i >= ends[row]))

    mask = BlockMask.from_kv_blocks(
        seen.sum(-1, dtype=torch.int32)[None, None],
        order[None, None],
        BLOCK_SIZE=BLOCK,
        mask_mod=visible,
        seq_lengths=(length, length),
    )
    return flex_attention(q, k, v, block_mask=mask)


def _chunked(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, window_reach: int, count: int, dropout: float = 0.0
) -> Tensor:
    """The same by fused attention of chunks of queries to the chunks of keys around them; `mask` as in `attend`."""
    length, reach = q.shape[-2], max(1, window_reach)
    count = min(count, length)
    valid = valid_entries(mask, q)
    chunks = -(-length // reach)
    # Queries in chunks of `reach`; each sees its own chunk of keys, the one before and the one after.
    q_chunks = pad(q, (0, 0, 0, chunks * reach - length)).unflatten(-2, (chunks, reach))
    margin = (reach, (chunks + 1) * reach - length)
    k_chunks, v_chunks = (pad(x, (0, 0, *margin)).unfold(-2, 3 * reach, reach).transpose(-1, -2) for x in (k, v))
    key = torch.arange(3 * reach, device=q.device) - reach
    near = (key - torch.arange(reach, device=q.device)[:, None]).abs() <= window_reach
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
    out = fused_attention(q_chunks, k_chunks, v_chunks, seeing(allowed)[:, None], dropout)
    out = out.flatten(-3, -2)[..., :length, :]
    if count:
        every_key = seeing(valid)[:, None, None, :]
        first = fused_attention(q[..., :count, :], k, v, every_key, dropout)
        out = torch.cat((first, out[..., count:, :]), -2)
    return out
