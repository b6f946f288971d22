"""BigBird (Zaheer et al., arXiv 2007.14062). Time and memory O(length · block_size · seen blocks)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from wavspa_lit.attention.base import WeightedAttention, seeing, valid_entries

PATTERN = 256
"""Blocks of queries after which the random draws repeat."""


class BigBirdAttention(WeightedAttention):
    """Softmax attention of blocks of entries to themselves, their neighbours, the first blocks, and random blocks.

    The random blocks differ between heads and layers. They are drawn once, with PyTorch's generator, and the draws are
    part of the state dict. Each draw is taken modulo the number of blocks that a row has without its padding, so that
    padding does not change it. Unlike in the paper's code, the last block is not global.

    Args:
        dim: Channels of the input and the output.
        heads: Number of heads.
        block_size: Entries of a block; each block sees itself and its two neighbours.
        random_blocks: Number of further blocks, drawn at random, that each block sees.
        global_blocks: Number of blocks at the front that see all and are seen by all.
        **options: See `WeightedAttention` and `Attention`.
    """

    draws: Tensor

    def __init__(
        self,
        dim: int,
        heads: int = 4,
        *,
        block_size: int = 64,
        random_blocks: int = 3,
        global_blocks: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(dim, heads, **options)
        self.block_size, self.global_blocks = block_size, global_blocks
        self.register_buffer("draws", torch.randint(2**31, (self.heads, PATTERN, random_blocks)))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """See `Attention.attend`."""
        length, size, valid = q.shape[-2], self.block_size, valid_entries(mask, q)
        blocks = -(-length // size)
        missing = blocks * size - length
        seen, counts = self.seen_blocks(blocks, -(-valid.sum(-1) // size))
        # Keys and values of the blocks that each block of queries sees: (batch, heads * blocks, keys, head_dim).
        q_blocks, k_blocks, v_blocks = (pad(x, (0, 0, 0, missing)).unflatten(-2, (blocks, size)) for x in (q, k, v))
        keys, values = (_take(x, seen).flatten(3, 4).flatten(1, 2) for x in (k_blocks, v_blocks))
        valid_blocks = pad(valid, (0, missing)).unflatten(-1, (blocks, size))[:, None].expand(-1, self.heads, -1, -1)
        allowed = (_take(valid_blocks, seen) & counts[..., None]).flatten(3, 4).flatten(1, 2)[:, :, None]
        out = self.weigh(q_blocks.flatten(1, 2), keys, values, seeing(allowed))
        out = out.unflatten(1, (self.heads, blocks)).flatten(2, 3)[:, :, :length]
        first = self.global_blocks * size
        if first:
            whole = self.weigh(q[:, :, :first], k, v, seeing(valid)[:, None, None, :])
            out = torch.cat((whole, out[:, :, first:]), dim=2)
        return out

    def seen_blocks(self, blocks: int, row_blocks: Tensor) -> tuple[Tensor, Tensor]:
        """The blocks of keys that each block of queries sees.

        Args:
            blocks: Number of blocks, those in the padding included.
            row_blocks: (batch,) int64, number of blocks that each row has.

        Returns:
            Indices (batch, heads, blocks, seen) of the blocks seen, and a bool for each that says whether it counts,
            because a block that is drawn twice must count once.
        """
        own = torch.arange(blocks, device=row_blocks.device)[:, None]
        front = min(self.global_blocks, blocks)
        everywhere = torch.arange(front, device=own.device).expand(blocks, -1)
        window = own + torch.arange(-1, 2, device=own.device)
        near = (window >= front) & (window < blocks)
        # A draw is among the blocks that are neither global nor near. It numbers those as if they lay in a row, and is
        # then moved past the near ones.
        rows = row_blocks[:, None, None, None]
        low, high = (own - 1).clamp(min=front), (own + 2).clamp(min=front).minimum(rows)
        skipped = (high - low).clamp(min=0)
        others = rows - front - skipped
        draws = front + self.draws[:, own[:, 0] % PATTERN] % others.clamp(min=1)
        draws = (draws + skipped * (draws >= low)).clamp(max=blocks - 1)
        repeated = (draws[..., :, None] == draws[..., None, :]).tril(-1).any(-1)
        fixed = torch.cat((everywhere, window.clamp(0, blocks - 1)), dim=1).expand(*draws.shape[:3], -1)
        fixed_count = torch.cat((torch.ones_like(everywhere, dtype=torch.bool), near), dim=1).expand_as(fixed)
        return torch.cat((fixed, draws), dim=-1), torch.cat((fixed_count, (others > 0) & ~repeated), dim=-1)


def _take(x: Tensor, index: Tensor) -> Tensor:
    """Blocks (batch, heads, blocks, ...) at indices (batch, heads, blocks, n): (batch, heads, blocks, n, ...)."""
    flat = x.flatten(3)
    taken = flat.gather(2, index.flatten(2)[..., None].expand(-1, -1, -1, flat.shape[-1]))
    return taken.view(*index.shape, *x.shape[3:])
