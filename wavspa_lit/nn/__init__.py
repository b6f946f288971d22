"""The encoder: positions, blocks and heads. Pure torch."""

from wavspa_lit.nn.block import Block
from wavspa_lit.nn.config import EncoderConfig
from wavspa_lit.nn.encoder import Encoder
from wavspa_lit.nn.heads import ClassificationHead, MatchingHead, TokenHead

__all__ = ["Block", "ClassificationHead", "Encoder", "EncoderConfig", "MatchingHead", "TokenHead"]
