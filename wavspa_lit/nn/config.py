"""Plain-data description of an encoder."""

from dataclasses import dataclass, field
from typing import Literal

from wavspa_lit.attention import AttentionConfig
from wavspa_lit.spaces import FNetSpace, FourierSpace, Space, TokenSpace, WaveletSpace
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
    space: Literal["wavelet", "token", "fourier", "fnet"] = "wavelet"
    """Where attention runs; `token` with softmax attention is the plain Transformer, `fnet` has no attention."""
    wavelet: WaveletConfig = field(default_factory=WaveletConfig)
    """The transform of the wavelet space."""
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    """The mechanism inside each band."""
    shared_bands: bool = False
    """All bands of a block attend with the same weights, instead of weights of their own."""
    joint_bands: bool = False
    """One attention among the entries of all bands, with a learned embedding of the band."""
    backward: bool = True
    """wavelet: transform back to tokens after the attention. False leaves that out, for comparison: the coefficients
    stand where the tokens stood."""
    activation_checkpointing: bool = False
    """Keep only the inputs of the blocks for the backward pass and compute the rest again: more time, less memory."""
    compat: Literal["none", "official"] = "none"
    """official: the blocks, boundary rule, filters and padding of the released code, for published settings."""

    def __post_init__(self) -> None:
        for name in ("dim", "layers", "mlp_dim", "max_position"):
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
        if self.attention.kind != "none":
            width = self.attention.width(self.dim)  # raises when the heads do not fit
            if self.positions == "rotary" and width % 2:
                raise ValueError(f"positions rotary need an even head_dim, got {width}; set attention.head_dim")
        if self.activation_checkpointing and self.attention.redraw_interval:
            raise ValueError(
                "activation_checkpointing computes blocks again with the same random features, which "
                "attention.redraw_interval may have changed meanwhile; leave one of them out"
            )
        self._check_space()
        self._check_bands()
        other = self.space != "wavelet" or self.shared_bands or self.joint_bands or not self.backward
        if self.compat == "official" and other:
            raise ValueError(
                "compat official rebuilds the released block, which is for space wavelet with attention for each band, "
                "and transforms back; leave compat none"
            )
        if not self.backward:
            self._check_forward_only()

    def build_space(self) -> Space:
        """Builds the space of one block."""
        if self.space == "wavelet":
            return WaveletSpace(self.wavelet, self.dim, self.attention.heads, backward=self.backward)
        if self.space == "fourier":
            return FourierSpace()
        return FNetSpace() if self.space == "fnet" else TokenSpace()

    def _check_space(self) -> None:
        if self.space == "wavelet" and not self.wavelet.level:
            raise ValueError("wavelet.level 0 leaves the tokens as they are; use space token, or a level from 1 on")
        if self.space == "wavelet" and self.wavelet.sharing == "head" and self.dim % self.attention.heads:
            raise ValueError(
                f"{self.dim} channels cannot be shared among {self.attention.heads} heads; "
                "use wavelet.sharing channel or all"
            )
        if self.space == "fnet" and self.attention.kind != "none":
            raise ValueError("space fnet mixes tokens without attention; set attention.kind none")
        if self.space != "fnet" and self.attention.kind == "none":
            raise ValueError(
                f"attention.kind none leaves the tokens of space {self.space} unmixed; use space fnet, or an attention"
            )
        if self.space == "fnet" and self.positions == "rotary":
            raise ValueError(
                "positions rotary turn queries and keys, and space fnet has none; use positions sinusoidal"
            )

    def _check_bands(self) -> None:
        for name in ("shared_bands", "joint_bands"):
            if getattr(self, name) and self.space in ("token", "fnet"):
                raise ValueError(f"{name} needs several bands, and space {self.space} has one; leave {name} false")
            if getattr(self, name) and self.positions == "alibi":
                raise ValueError(f"{name} does not go with positions alibi, which differ between bands; use rotary")
        if self.shared_bands and self.joint_bands:
            raise ValueError("joint_bands has one set of weights already; leave shared_bands false")

    def _check_forward_only(self) -> None:
        if self.space != "wavelet":
            raise ValueError(f"backward false is for space wavelet, got space {self.space}; leave backward true")
        if self.wavelet.mode != "periodization" and self.wavelet.kind not in ("lifting", "adaptive_lifting"):
            raise ValueError(
                f"backward false needs as many coefficients as tokens, and wavelet.mode {self.wavelet.mode} has more; "
                "use wavelet.mode periodization"
            )
        if self.wavelet.kind == "adaptive" and not self.wavelet.tied:
            raise ValueError("backward false leaves out the synthesis filters of wavelet.tied false; use tied true")
