"""What every attention mechanism shares: projections, heads, rotary positions."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from wavspa_lit.attention.rotary import rotate


@dataclass
class AttentionConfig:
    """Which attention mechanism runs inside each band, and its size."""

    kind: Literal[
        "softmax",
        "linear",
        "performer",
        "performer_relu",
        "linformer",
        "longformer",
        "local",
        "bigbird",
        "nystrom",
        "none",
    ] = "softmax"
    """Attention mechanism; none is for spaces that mix on their own, such as fnet."""
    heads: int = 4
    """Number of heads."""
    head_dim: int | None = None
    """Channels of one head; default: dim / heads."""
    dropout: float = 0.0
    """Dropout on the attention weights (softmax, linformer, longformer, local and bigbird have them)."""
    bias: bool = False
    """Whether the projections to queries, keys, values and outputs have a bias."""
    features: int | None = None
    """performer: number of random features; default: 4 * head_dim."""
    redraw_interval: int = 0
    """performer: training steps after which the random features are drawn anew; 0: never."""
    rank: int = 128
    """linformer: number of mixtures of the keys."""
    window: int = 128
    """longformer: width of the sliding window, centred; local: length of a block; in entries of the band."""
    global_tokens: int = 0
    """longformer: number of entries at the front that see all and are seen by all, such as a CLS token."""
    flex: bool = True
    """longformer: FlexAttention on GPUs, where it can do what is asked for."""
    block_size: int = 64
    """bigbird: entries of a block; each block sees itself and its two neighbours."""
    random_blocks: int = 3
    """bigbird: number of further blocks, drawn at random, that each block sees."""
    global_blocks: int = 1
    """bigbird: number of blocks at the front that see all and are seen by all."""
    landmarks: int = 64
    """nystrom: number of segments whose means stand in for all queries and keys."""
    conv_size: int = 33
    """nystrom: width of the depthwise convolution of the values that is added, an odd number; 0: none."""

    def __post_init__(self) -> None:
        if self.heads < 1:
            raise ValueError(f"attention.heads must be at least 1, got {self.heads}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"attention.dropout must lie in [0, 1), got {self.dropout}")
        positive = ("rank", "window", "block_size", "landmarks")
        for name in (*positive, "global_tokens", "redraw_interval", "random_blocks", "global_blocks", "conv_size"):
            if getattr(self, name) < (name in positive):
                raise ValueError(
                    f"attention.{name} must be at least {int(name in positive)}, got {getattr(self, name)}"
                )
        if self.conv_size and self.conv_size % 2 == 0:
            raise ValueError(f"attention.conv_size must be odd, or 0 for none, got {self.conv_size}")
        for name in ("features", "head_dim"):
            if (size := getattr(self, name)) is not None and size < 1:
                raise ValueError(f"attention.{name} must be at least 1, got {size}")

    def width(self, dim: int) -> int:
        """Channels of one head for an encoder with `dim` channels."""
        if self.head_dim is not None:
            return self.head_dim
        if dim % self.heads:
            raise ValueError(
                f"dim={dim} is not divisible by attention.heads={self.heads}; "
                "change one of them or set attention.head_dim"
            )
        return dim // self.heads


class Attention(nn.Module, ABC):
    """Multi-head self-attention over one band.

    Subclasses implement `attend` alone. By default projections have no bias, as in the paper's code.

    Args:
        config: Mechanism and sizes.
        dim: Channels of the input and the output.
        max_length: Largest number of entries the band can have; matters for Linformer only.
        positions: `rotary`: rotate queries and keys by their position; `alibi`: lower the scores with the distance.
        stride: Distance in tokens between neighbouring entries of the band, so that positions in a wavelet band are
            measured in tokens (2 ** level for the bands of that level).
    """

    def __init__(
        self, config: AttentionConfig, dim: int, *, max_length: int, positions: str = "none", stride: int = 1
    ) -> None:
        super().__init__()
        self.heads, self.head_dim = config.heads, config.width(dim)
        if positions == "rotary" and self.head_dim % 2:
            raise ValueError(f"rotary positions need an even head_dim, got {self.head_dim}; set attention.head_dim")
        self.max_length = max_length
        self.dropout, self.positions, self.stride = config.dropout, positions, stride
        self.qkv = nn.Linear(dim, 3 * self.heads * self.head_dim, bias=config.bias)
        self.output = nn.Linear(self.heads * self.head_dim, dim, bias=config.bias)
        # Query, key and value are initialised as the three separate matrices that they are.
        for part in self.qkv.weight.chunk(3):
            nn.init.xavier_uniform_(part)
        nn.init.xavier_uniform_(self.output.weight)

    def forward(self, x: Tensor, mask: Tensor | None = None, position: Tensor | None = None) -> Tensor:
        """Attends within the band.

        Args:
            x: (batch, length, channels).
            mask: (batch, length) bool, True where the entry is valid; None: all are.
            position: (length,) or (batch, length), where the entries lie, in tokens, for rotary positions; None:
                `stride` apart.

        Returns:
            (batch, length, channels). Entries at invalid positions are finite and meaningless.
        """
        batch, length, _ = x.shape
        qkv = self.qkv(x).view(batch, length, 3, self.heads, self.head_dim)
        q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))
        if self.positions == "rotary":
            if position is None:
                position = torch.arange(length, device=x.device) * self.stride
            at = position if position.dim() == 1 else position[:, None]
            q, k = rotate(q, at), rotate(k, at)
        out = self.attend(q, k, v, mask)
        return self.output(out.transpose(1, 2).reshape(batch, length, self.heads * self.head_dim))

    @abstractmethod
    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Mixes the values: q, k, v and the result are (batch, heads, length, head_dim), mask is (batch, length)."""


class NoAttention(nn.Module):
    """Leaves every entry as it is."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns x."""
        return x
