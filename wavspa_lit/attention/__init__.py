"""Attention mechanisms: one file each, all mapping `(batch, length, channels)` to the same shape."""

from wavspa_lit.attention.base import Attention, AttentionConfig
from wavspa_lit.attention.softmax import SoftmaxAttention

ATTENTIONS: dict[str, type[Attention]] = {"softmax": SoftmaxAttention}


def build_attention(config: AttentionConfig, dim: int, *, rotary: bool = False, stride: int = 1) -> Attention:
    """Builds the mechanism that `config.kind` names; see `Attention` for the arguments."""
    return ATTENTIONS[config.kind](config, dim, rotary=rotary, stride=stride)


__all__ = ["ATTENTIONS", "Attention", "AttentionConfig", "SoftmaxAttention", "build_attention"]
