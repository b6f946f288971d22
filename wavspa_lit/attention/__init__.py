"""Attention mechanisms: one file each, all mapping `(batch, length, channels)` to the same shape."""

from wavspa_lit.attention.base import Attention, NoAttention, WeightedAttention
from wavspa_lit.attention.bigbird import BigBirdAttention
from wavspa_lit.attention.config import ATTENTIONS, AttentionConfig, build_attention
from wavspa_lit.attention.linear import LinearAttention
from wavspa_lit.attention.linformer import LinformerAttention
from wavspa_lit.attention.local import LocalAttention
from wavspa_lit.attention.longformer import LongformerAttention
from wavspa_lit.attention.nystrom import NystromAttention
from wavspa_lit.attention.performer import PerformerAttention, PerformerReluAttention
from wavspa_lit.attention.softmax import SoftmaxAttention

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
    "WeightedAttention",
    "build_attention",
]
