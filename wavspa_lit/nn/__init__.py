"""The wavelet-attention layer, the encoder and its parts, and heads. Pure torch."""

from wavspa_lit.nn.block import Block
from wavspa_lit.nn.config import EncoderConfig
from wavspa_lit.nn.encoder import Encoder
from wavspa_lit.nn.heads import ClassificationHead, MatchingHead, TokenHead
from wavspa_lit.nn.layer import SpaceAttention, WaveletAttention

__all__ = [
    "Block",
    "ClassificationHead",
    "Encoder",
    "EncoderConfig",
    "MatchingHead",
    "SpaceAttention",
    "TokenHead",
    "WaveletAttention",
]
