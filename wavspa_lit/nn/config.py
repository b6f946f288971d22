"""Plain-data description of an encoder."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from wavspa_lit.attention import AttentionConfig
from wavspa_lit.attention.base import Positions
from wavspa_lit.choices import build, check_fields, find_class, settings_of, warn_unread
from wavspa_lit.nn.bands import Bands
from wavspa_lit.spaces import SPACES, Space
from wavspa_lit.wavelets import FilterBank, WaveletConfig
from wavspa_lit.wavelets.config import Compat, wavelet_class

if TYPE_CHECKING:
    from wavspa_lit.nn.block import Conventions

CONVENTIONS = {"none": "wavspa_lit.nn.block.Conventions", "official": "wavspa_lit.official.OfficialConventions"}
"""Import paths by `encoder.compat`."""


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
    positions: Literal["none", "sinusoidal", "learned", "rotary", "alibi", "randomized", "randomized_rotary"] = (
        "sinusoidal"
    )
    """How the encoder knows positions. randomized: sinusoids of a random increasing sequence below max_position;
    randomized_rotary: rotary positions from such a sequence, the same in all blocks."""
    max_position: int = 2048
    """randomized, randomized_rotary: upper end of the positions that are drawn."""
    space: Literal["wavelet", "token", "fourier", "fnet"] | str = "wavelet"
    """Where attention runs; `token` with softmax attention is the plain Transformer, `fnet` has no attention; or the
    import path of a Space of your own, whose constructor reads any of dim, heads, wavelet and synthesis."""
    wavelet: WaveletConfig = field(default_factory=WaveletConfig)
    """The transform of the wavelet space."""
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    """The mechanism inside each band."""
    bands: Bands = "separate"
    """separate: each band of a block attends with weights of its own; shared: all with the same weights; joint: one
    attention among the entries of all bands, with a learned embedding of the band."""
    synthesis: bool = True
    """wavelet: transform back to tokens after the attention. False leaves that out, for comparison: the coefficients
    stand where the tokens stood."""
    share_layers: bool = False
    """Pass the input several times through the same blocks, so that depth costs no parameters."""
    loops: int = 1
    """share_layers: passes through the blocks in training."""
    test_loops: int | None = None
    """share_layers: passes in evaluation, any number; null: as many as `loops`."""
    input_injection: bool = False
    """share_layers: add the embedded input to the states before each pass."""
    deep_supervision: bool = False
    """share_layers: the training loss is the mean over the states after every pass, not that of the last pass."""
    copy_gate: bool = False
    """A gate in each block that lets a position keep its state as it was before the block (arXiv 2110.07732)."""
    activation_checkpointing: bool = False
    """Keep only the inputs of the blocks for the backward pass and compute the rest again: more time, less memory."""
    compat: Compat = "none"
    """official: blocks, filters, padding and heads of the released code, for published settings; see
    wavspa_lit.official."""

    def __post_init__(self) -> None:
        check_fields(self, "encoder")
        for name in ("dim", "layers", "mlp_dim", "max_position", "loops", "test_loops"):
            if (size := getattr(self, name)) is not None and size < 1:
                raise ValueError(f"encoder.{name} must be at least 1, got {size}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"encoder.dropout must lie in [0, 1), got {self.dropout}")
        if self.positions in ("sinusoidal", "randomized") and self.dim % 2:
            raise ValueError(f"{self.positions} positions need an even encoder.dim, got {self.dim}")
        if self.activation_checkpointing and self.attention.redraw_interval:
            raise ValueError(
                "activation_checkpointing computes blocks again with the same random features, which "
                "attention.redraw_interval may have changed meanwhile; leave one of them out"
            )
        self._check_passes()
        self._check_attention()
        self._check_space()
        self._check_bands()
        self.conventions.check(self)
        if not self.synthesis:
            self._check_without_synthesis()
        if "wavelet" not in settings_of(self.space_class):
            warn_unread(self, "encoder", {"wavelet"}, f"encoder.space {self.space}")
        if not self.positions.startswith("randomized"):
            warn_unread(self, "encoder", {"max_position"}, f"encoder.positions {self.positions}")

    @property
    def space_class(self) -> type[Space]:
        """The class of the space; ValueError if `space` names none."""
        return find_class("encoder.space", self.space, SPACES, Space)

    @property
    def conventions(self) -> "type[Conventions]":
        """What `compat` stands for."""
        return find_class("encoder.compat", CONVENTIONS[self.compat], {}, object)

    @property
    def attention_positions(self) -> Positions:
        """The positions that the attention knows; absolute ones are added to the embeddings instead."""
        if self.positions == "randomized_rotary":
            return "rotary"
        return self.positions if self.positions in ("rotary", "alibi") else "none"

    def build_space(self) -> Space:
        """Builds the space of one block."""
        return build(self.space_class, **{**vars(self), "heads": self.attention.heads})

    def _check_passes(self) -> None:
        for name in ("loops", "test_loops", "input_injection", "deep_supervision"):
            value = getattr(self, name)
            if not self.share_layers and value != getattr(EncoderConfig, name):
                raise ValueError(
                    f"encoder.{name} {value} is for several passes through the same blocks: set encoder.share_layers "
                    f"true, or leave {name} out"
                )

    def _check_attention(self) -> None:
        mechanism = self.attention.mechanism
        if self.positions == "alibi" and not getattr(mechanism, "alibi", False):
            raise ValueError(
                f"positions alibi lower the scores of softmax attention, and {self.attention.kind} has none; "
                "use attention.kind softmax, or positions rotary"
            )
        if "heads" in settings_of(mechanism):
            width = self.attention.width(self.dim)  # raises when the heads do not fit
            if self.attention_positions == "rotary" and width % 2:
                raise ValueError(
                    f"positions {self.positions} need an even head_dim, got {width}; set attention.head_dim"
                )

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
        if self.space in ("token", "wavelet", "fourier") and self.attention.kind == "none":
            raise ValueError(
                f"attention.kind none leaves the tokens of space {self.space} unmixed; use space fnet, or an attention"
            )
        if self.space == "fnet" and self.attention_positions == "rotary":
            raise ValueError(
                f"positions {self.positions} turn queries and keys, and space fnet has none; use positions sinusoidal"
            )

    def _check_bands(self) -> None:
        if self.bands != "separate" and self.space in ("token", "fnet"):
            raise ValueError(f"bands {self.bands} needs several, and space {self.space} has one; use bands separate")
        if self.bands != "separate" and self.positions == "alibi":
            raise ValueError(f"bands {self.bands} does not go with positions alibi, which differ between bands")

    def _check_without_synthesis(self) -> None:
        if self.space != "wavelet":
            raise ValueError(f"synthesis false is for space wavelet, got space {self.space}; leave synthesis true")
        if self.wavelet.mode != "periodization" and issubclass(wavelet_class(self.wavelet.kind), FilterBank):
            raise ValueError(
                f"synthesis false needs as many coefficients as tokens, and wavelet.mode {self.wavelet.mode} has more; "
                "use wavelet.mode periodization"
            )
        if self.wavelet.kind == "adaptive" and not self.wavelet.tied:
            raise ValueError("synthesis false leaves out the synthesis filters of wavelet.tied false; use tied true")
