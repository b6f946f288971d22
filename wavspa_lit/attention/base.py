"""What every attention mechanism shares: projections, heads, rotary positions, softmax under a mask."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from wavspa_lit.attention.rotary import rotate
from wavspa_lit.choices import check
from wavspa_lit.private_torch import exporting

Positions = Literal["none", "rotary", "alibi"]

HALF = (torch.bfloat16, torch.float16)
"""What autocast computes attention in."""

LIFT = 512.0
"""What `with_channels` adds to the scores of all keys, so that none of them is far below 0.

cuDNN's backward pass makes NaN of the gradients of a query whose scores are all below -88, if the number of keys is 64
above a multiple of 128 (PyTorch's issue 196678; seen with torch 2.11 on an H200, with a mask and without). Softmax does
not see the lift but for rounding: weights change by some 1e-4 of themselves, a tenth of what bfloat16 rounds, because
scores are sums in float32.
"""


def head_width(dim: int, heads: int, head_dim: int | None = None) -> int:
    """Channels of one head: `head_dim`, or else dim / heads; ValueError if that is not a whole number."""
    if heads < 1:
        raise ValueError(f"attention.heads must be at least 1, got {heads}")
    if head_dim is None and dim % heads:
        raise ValueError(
            f"dim={dim} is not divisible by attention.heads={heads}; change one of them or set attention.head_dim"
        )
    return dim // heads if head_dim is None else head_dim


class Attention(nn.Module, ABC):
    """Multi-head self-attention over one band.

    Subclasses implement `attend`. What they need besides the arguments here, they take as keywords of their own and
    hand the others on: `def __init__(self, dim, *, window=128, **options): super().__init__(dim, **options)`. By
    default projections have no bias, as in the paper's code.

    Args:
        dim: Channels of the input and the output.
        heads: Number of heads.
        head_dim: Channels of one head; None: dim / heads.
        bias: Whether the projections to queries, keys, values and outputs have a bias.
        positions: `rotary`: rotate queries and keys by their position; `alibi`: lower the scores with the distance, for
            mechanisms that have `alibi`.
        stride: Distance in tokens between neighbouring entries of the band, so that positions in a wavelet band are
            measured in tokens (2 ** level for the bands of that level).

    Raises:
        ValueError: If the heads do not fit, or the mechanism cannot have those positions.
    """

    alibi: ClassVar[bool] = False
    """Whether the mechanism can lower its scores with the distance."""

    def __init__(
        self,
        dim: int,
        heads: int = 4,
        *,
        head_dim: int | None = None,
        bias: bool = False,
        positions: Positions = "none",
        stride: int = 1,
    ) -> None:
        super().__init__()
        check("positions", positions, get_args(Positions))
        self.heads, self.head_dim = heads, head_width(dim, heads, head_dim)
        if positions == "rotary" and self.head_dim % 2:
            raise ValueError(f"rotary positions need an even head_dim, got {self.head_dim}; set attention.head_dim")
        if positions == "alibi" and not self.alibi:
            raise ValueError(f"positions alibi lower scores, and {type(self).__name__} has none; use positions rotary")
        self.positions, self.stride = positions, stride
        self.qkv = nn.Linear(dim, 3 * self.heads * self.head_dim, bias=bias)
        self.output = nn.Linear(self.heads * self.head_dim, dim, bias=bias)
        # Query, key and value are three matrices in one, so that each is initialised by its own size.
        for part in self.qkv.weight.chunk(3):
            nn.init.xavier_uniform_(part)
        nn.init.xavier_uniform_(self.output.weight)

    def forward(self, x: Tensor, mask: Tensor | None = None, position: Tensor | None = None) -> Tensor:
        """Attends within the band.

        Args:
            x: (batch, length, channels).
            mask: (batch, length) bool, True where the entry is valid; None: all are.
            position: (length,) or (batch, length), where the entries lie, in tokens, for rotary positions; None: the
                entries lie `stride` apart.

        Returns:
            (batch, length, channels). Entries at invalid positions are finite and meaningless.
        """
        if position is None and self.positions == "rotary":
            position = (torch.arange(x.shape[1], device=x.device) * self.stride)[None]
        return self.mix_tokens(x, mask, position)

    def mix_tokens(self, x: Tensor, mask: Tensor | None, position: Tensor | None) -> Tensor:
        """`forward` with positions that are known, so that compiled code need not know the stride."""
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, self.head_dim).unbind(2)
        if self.positions == "rotary" and position is not None:
            q, k = rotate(q, position[..., None]), rotate(k, position[..., None])
        # Rotated or not, heads lie inside tokens in memory, see `with_channels`.
        out = self.attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask)
        return self.output(out.transpose(1, 2).reshape(batch, length, self.heads * self.head_dim))

    @abstractmethod
    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Mixes the values.

        Args:
            q: Queries (batch, heads, length, head_dim).
            k: Keys, likewise.
            v: Values, likewise.
            mask: (batch, length) bool, True where the entry is valid; None: all are.

        Returns:
            (batch, heads, length, head_dim). Valid entries must not depend on invalid ones.
        """


class WeightedAttention(Attention):
    """Attention by softmax weights, which have dropout.

    Args:
        dim: Channels of the input and the output.
        heads: Number of heads.
        dropout: Dropout on the attention weights.
        **options: See `Attention`.
    """

    def __init__(self, dim: int, heads: int = 4, *, dropout: float = 0.0, **options: Any) -> None:
        super().__init__(dim, heads, **options)
        self.dropout = dropout

    def weigh(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
        """`softmax(q kᵀ / √head_dim + bias) v`, in training with dropout; a bias of bools says which keys are seen."""
        return fused_attention(q, k, v, bias, self.dropout if self.training else 0.0)


def fused_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, dropout: float) -> Tensor:
    """PyTorch's attention, which exported models have in four dimensions, because that of ONNX knows no more.

    Args:
        q: Queries (batch, heads, length, head_dim), or with an axis of chunks after the heads.
        k: Keys, likewise.
        v: Values, likewise.
        bias: Broadcasts to the scores: added to them, or a bool that says which keys are seen.
        dropout: Dropout on the weights.
    """
    if q.dim() == 5 and exporting():
        rows, heads = q.shape[:2]
        if bias is not None:
            bias = bias.expand(rows, heads, *bias.shape[-3:]).flatten(0, 1)
        q, k, v = (x.flatten(0, 1) for x in (q, k, v))
        out = scaled_dot_product_attention(q, k, v, bias, dropout_p=dropout)
        return out.view(rows, heads, *out.shape[1:])
    scale = None
    # cuDNN serves half precision on GPUs, and no axis of chunks.
    if k.is_cuda and q.dtype in HALF and q.dim() == 4 and k.shape[-2] % 128 == 64 and not exporting():
        q, k, scale = with_channels(q, k, k.new_full((1, k.shape[-2]), LIFT))
    return scaled_dot_product_attention(q, k, v, bias, dropout_p=dropout, scale=scale)


def with_channels(q: Tensor, k: Tensor, value: Tensor) -> tuple[Tensor, Tensor, float]:
    """Queries, keys and a scale whose scores are those of attention, plus 8 value / √head_dim.

    Eight more channels hold 1 in the queries and the value in the keys. They are eight, because kernels want multiples
    of eight.

    Args:
        q: Queries (batch, heads, length, head_dim).
        k: Keys, likewise.
        value: (batch or 1, keys), what each key is given.

    Returns:
        Queries and keys (batch, heads, length, head_dim + 8), and 1 / √head_dim.
    """
    scale = q.shape[-1] ** -0.5
    # In memory, heads lie inside tokens, as the projection leaves them. Otherwise compiled kernels would divide every
    # index by a length that they do not know beforehand, which takes longer than what they copy.
    q, k = q.transpose(1, 2), k.transpose(1, 2)
    value = value.to(k.dtype)[:, :, None, None].expand(*k.shape[:-1], 8)
    ones = q.new_ones(()).expand(*q.shape[:-1], 8)
    return torch.cat((q, ones), -1).transpose(1, 2), torch.cat((k, value), -1).transpose(1, 2), scale


def valid_entries(mask: Tensor | None, x: Tensor) -> Tensor:
    """The mask (batch, length) of x (batch, heads, length, channels); None means that every entry is valid."""
    return x.new_ones(x.shape[0], x.shape[-2], dtype=torch.bool) if mask is None else mask


def seeing(allowed: Tensor) -> Tensor:
    """Which keys (..., keys) are seen, where whoever would see none sees all.

    Softmax over no key is NaN. That happens to queries in the padding and in empty rows, whose outputs nobody reads.
    """
    return allowed | ~allowed.any(-1, keepdim=True)


class NoAttention(nn.Module):
    """Leaves every entry as it is."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns x."""
        return x
