"""Plain-data description of an encoder."""

from dataclasses import dataclass, field
from typing import Literal

from wavspa_lit.attention import AttentionConfig
from wavspa_lit.spaces import Space, TokenSpace, WaveletSpace
from wavspa_lit.wavelets import WaveletConfig


@dataclass
class EncoderConfig:
    """An encoder: `layers` blocks, each attending in a space, with a mechanism, both free to choose."""

    dim: int = 64
    """Channels of the residual stream."""
    layers: int = 4
    """Number of blocks."""
    mlp_dim: int = 128
    """Hidden channels of each block's MLP."""
    dropout: float = 0.1
    """Dropout on embeddings and residual branches."""
    positions: Literal["none", "sinusoidal", "learned", "rotary", "alibi", "randomized"] = "sinusoidal"
    """How the encoder knows positions. randomized: sinusoids of a random increasing sequence below max_position."""
    max_position: int = 2048
    """randomized: upper end of the positions that are drawn."""
    space: Literal["wavelet", "token"] = "wavelet"
    """Where attention runs; `token` with softmax attention is the plain Transformer."""
    wavelet: WaveletConfig = field(default_factory=WaveletConfig)
    """The transform of the wavelet space."""
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    """The mechanism inside each band."""

    def __post_init__(self) -> None:
        for name in ("dim", "layers", "mlp_dim"):
            if getattr(self, name) < 1:
                raise ValueError(f"encoder.{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"encoder.dropout must lie in [0, 1), got {self.dropout}")
        if self.positions in ("sinusoidal", "randomized") and self.dim % 2:
            raise ValueError(f"{self.positions} positions need an even encoder.dim, got {self.dim}")
        if self.positions == "alibi" and self.attention.kind != "softmax":
            raise ValueError(
                f"positions alibi lower the scores of softmax attention, and {self.attention.kind} has none; "
                "use attention.kind softmax, or positions rotary"
            )
        self.attention.width(self.dim)  # raises when the heads do not fit

    def build_space(self) -> Space:
        """Builds the space of one block."""
        if self.space == "token":
            return TokenSpace()
        return WaveletSpace(self.wavelet, self.dim, self.attention.heads)
