"""Attention mechanisms: one file each, all mapping `(batch, length, channels)` to the same shape."""

from torch import nn

from wavspa_lit.attention.base import Attention, AttentionConfig, NoAttention
from wavspa_lit.attention.bigbird import BigBirdAttention
from wavspa_lit.attention.linear import LinearAttention
from wavspa_lit.attention.linformer import LinformerAttention
from wavspa_lit.attention.local import LocalAttention
from wavspa_lit.attention.longformer import LongformerAttention
from wavspa_lit.attention.nystrom import NystromAttention
from wavspa_lit.attention.performer import PerformerAttention, PerformerReluAttention
from wavspa_lit.attention.softmax import SoftmaxAttention

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


def build_attention(
    config: AttentionConfig, dim: int, *, max_length: int, positions: str = "none", stride: int = 1
) -> nn.Module:
    """Builds the mechanism that `config.kind` names; see `Attention` for the arguments."""
    if config.kind == "none":
        return NoAttention()
    return ATTENTIONS[config.kind](config, dim, max_length=max_length, positions=positions, stride=stride)


__all__ = [
    "ATTENTIONS",
    "Attention",
    "AttentionConfig",
    "BigBirdAttention",
    "LinearAttention",
    "LinformerAttention",
    "LocalAttention",
    "LongformerAttention",
    "NoAttention",
    "NystromAttention",
    "PerformerAttention",
    "PerformerReluAttention",
    "SoftmaxAttention",
    "build_attention",
]
