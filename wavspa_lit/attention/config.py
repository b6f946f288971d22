"""Plain-data description of an attention mechanism, and its builder."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from torch import nn

from wavspa_lit.attention.base import Attention, NoAttention, Positions, head_width
from wavspa_lit.attention.bigbird import BigBirdAttention
from wavspa_lit.attention.linear import LinearAttention
from wavspa_lit.attention.linformer import LinformerAttention
from wavspa_lit.attention.local import LocalAttention
from wavspa_lit.attention.longformer import LongformerAttention
from wavspa_lit.attention.nystrom import NystromAttention
from wavspa_lit.attention.performer import PerformerAttention, PerformerReluAttention
from wavspa_lit.attention.softmax import SoftmaxAttention
from wavspa_lit.choices import build, check, check_fields, find_class, settings_of, warn_unread

ATTENTIONS: dict[str, type[Attention]] = {
    "softmax": SoftmaxAttention,
    "linear": LinearAttention,
    "performer": PerformerAttention,
    "performer_relu": PerformerReluAttention,
    "linformer": LinformerAttention,
    "longformer": LongformerAttention,
    "local": LocalAttention,
    "bigbird": BigBirdAttention,
    "nystrom": NystromAttention,
}


@dataclass
class AttentionConfig:
    """Which attention mechanism runs inside each band, and the settings of all mechanisms; each reads its own."""

    kind: (
        Literal[
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
        ]
        | str
    ) = "softmax"
    """Attention mechanism; none is for spaces that mix on their own, such as fnet; or the import path of a class of
    your own, an `Attention` or any module that maps (x, mask, position) to the shape of x."""
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
    options: dict[str, Any] = field(default_factory=dict)
    """Further keywords of a class of your own."""

    def __post_init__(self) -> None:
        check_fields(self, "attention")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"attention.dropout must lie in [0, 1), got {self.dropout}")
        for name in ("heads", "head_dim", "features", "rank", "window", "block_size", "landmarks"):
            if (size := getattr(self, name)) is not None and size < 1:
                raise ValueError(f"attention.{name} must be at least 1, got {size}")
        for name in ("global_tokens", "redraw_interval", "random_blocks", "global_blocks", "conv_size"):
            if getattr(self, name) < 0:
                raise ValueError(f"attention.{name} must be at least 0, got {getattr(self, name)}")
        if self.conv_size and self.conv_size % 2 == 0:
            raise ValueError(f"attention.conv_size must be odd, or 0 for none, got {self.conv_size}")
        read = settings_of(self.mechanism)
        for name in self.options:
            check(f"attention.options: {self.kind} has no argument", name, read)
        unread = {each.name for each in fields(self)} - read - {"kind", "options"}
        warn_unread(self, "attention", unread, f"attention.kind {self.kind}")

    @property
    def mechanism(self) -> type[nn.Module]:
        """The class of the mechanism; ValueError if `kind` names none."""
        return find_class("attention.kind", self.kind, {**ATTENTIONS, "none": NoAttention}, nn.Module)

    def width(self, dim: int) -> int:
        """Channels of one head for an encoder with `dim` channels."""
        return head_width(dim, self.heads, self.head_dim)


def build_attention(
    config: AttentionConfig, dim: int, *, max_length: int | None = None, positions: Positions = "none", stride: int = 1
) -> nn.Module:
    """Builds a mechanism with the settings that it reads.

    Args:
        config: The mechanism and its settings.
        dim: Channels of the input and the output.
        max_length: Largest number of entries that the band can have, for mechanisms with a weight for each.
        positions: See `Attention`.
        stride: See `Attention`.

    Raises:
        ValueError: If the mechanism needs `max_length`, and there is none.
    """
    if max_length is None and "max_length" in settings_of(config.mechanism):
        raise ValueError(f"attention.kind {config.kind} has weights for each entry; give max_length, the longest input")
    given = {**vars(config), **config.options, "dim": dim, "positions": positions, "stride": stride}
    return build(config.mechanism, max_length=max_length, **given)
