"""The block of the released code, and what its encoders and heads are like besides."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from wavspa_lit.attention import build_attention
from wavspa_lit.nn.bands import SeparateBands
from wavspa_lit.nn.block import Conventions
from wavspa_lit.nn.config import EncoderConfig
from wavspa_lit.nn.layer import SpaceAttention


def official(config: EncoderConfig) -> EncoderConfig:
    """The config with the released code's boundary rule, filter derivation and projection biases."""
    released: dict[str, Any] = dict.fromkeys({"mode", "compat"} - config.wavelet.unread(), "official")
    return replace(
        config,
        wavelet=replace(config.wavelet, **released),
        attention=replace(config.attention, bias=config.attention.kind in ("linear", "linformer")),
    )


class OfficialBlock(SpaceAttention):
    """`zero the padding → norm → wavedec → attention on each band → waverec → residual → MLP → residual`.

    Unlike in `Block` there is no norm before the MLP, and no mask inside: padding takes part in the transform and in
    the attention, so that outputs depend on how far a batch is padded. The released Performer is performer_relu; the
    released Longformer sees `window` entries, of those before a token one fewer than here.

    Args:
        config: The encoder's description.
        max_length: Longest input, for Linformer.
    """

    def __init__(self, config: EncoderConfig, max_length: int | None = None) -> None:
        config = official(config)
        space, positions = config.build_space(), config.attention_positions
        # Linformer has a projection for the longest input, of which a band uses the front.
        attentions = SeparateBands(
            build_attention(config.attention, config.dim, max_length=max_length, positions=positions, stride=stride)
            for stride in space.strides
        )
        super().__init__(space, attentions)
        self.attention_norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(config.dim, config.mlp_dim),
            nn.GELU(approximate="tanh"),
            nn.Dropout(config.dropout),
            nn.Linear(config.mlp_dim, config.dim),
            nn.Dropout(config.dropout),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None, position: Tensor | None = None) -> Tensor:
        """Maps x (batch, length, channels) to the same shape; see `Block.forward` for the arguments."""
        if mask is not None:
            x = torch.where(mask[..., None], x, 0.0)
        x = x + super().forward(self.attention_norm(x), None, position)
        return x + self.mlp(self.dropout(x))


class OfficialConventions(Conventions):
    """See `Conventions`; an encoder of `OfficialBlock`s."""

    block = OfficialBlock
    norm_eps = 1e-6
    exact_padding = False
    activation = "relu"
    second_layer = True

    @staticmethod
    def check(config: EncoderConfig) -> None:
        """See `Conventions.check`."""
        if config.space != "wavelet" or config.bands != "separate" or not config.synthesis:
            raise ValueError(
                "compat official rebuilds the released block, which is for space wavelet with attention for each band, "
                "and transforms back; leave compat none"
            )
        if config.copy_gate:
            raise ValueError(
                "compat official rebuilds the released block, which has no copy_gate; leave one of them out"
            )
