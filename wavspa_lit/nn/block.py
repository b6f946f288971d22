"""One encoder block, and what an encoder of such blocks is like besides."""

from typing import ClassVar

from torch import Tensor, nn

from wavspa_lit.attention.base import Attention
from wavspa_lit.nn.bands import SeparateBands, build_bands
from wavspa_lit.nn.config import EncoderConfig
from wavspa_lit.nn.layer import SpaceAttention

CLOSED = -3.0
"""Bias of a new copy gate, which therefore lets 5 % of an update through, as in arXiv 2110.07732."""


class Block(SpaceAttention):
    """`norm → space.analyse → attention on each band → space.synthesise → residual → norm → MLP → residual`.

    With `config.copy_gate`, a gate between 0 and 1 for each position decides how much of all this replaces the input.

    Padding is exact: valid outputs do not depend on how far a sequence is padded or on what else is in the batch.

    Args:
        config: The encoder's description.
        max_length: Longest input, for attentions that need it.
    """

    def __init__(self, config: EncoderConfig, max_length: int | None = None) -> None:
        space, positions = config.build_space(), config.attention_positions
        super().__init__(
            space,
            build_bands(
                space, config.attention, config.dim, bands=config.bands, positions=positions, max_length=max_length
            ),
        )
        self.attention_norm = nn.LayerNorm(config.dim)
        self.mlp_norm = nn.LayerNorm(config.dim)
        self.mlp = nn.Sequential(
            nn.Linear(config.dim, config.mlp_dim),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.mlp_dim, config.dim),
        )
        self.dropout = nn.Dropout(config.dropout)
        self.gate: nn.Sequential | None = None
        if config.copy_gate:
            last = nn.Linear(config.dim, 1)
            nn.init.constant_(last.bias, CLOSED)
            self.gate = nn.Sequential(nn.Linear(config.dim, config.dim), nn.GELU(), last, nn.Sigmoid())

    def forward(self, x: Tensor, mask: Tensor | None = None, position: Tensor | None = None) -> Tensor:
        """Maps x (batch, length, channels) to the same shape; see `SpaceAttention.forward` for the arguments."""
        return self.mix_channels(x, super().forward(self.normed(x), mask, position))

    def normed(self, x: Tensor) -> Tensor:
        """What the space is given, x after the first norm: (batch, length, channels)."""
        return self.space.take(self.attention_norm(x))

    def mix_channels(self, x: Tensor, attended: Tensor) -> Tensor:
        """What follows the attention: residual connections and the MLP, all (batch, length, channels)."""
        attended = x + self.dropout(attended)
        normed = self.mlp_norm(attended)
        new = attended + self.dropout(self.mlp(normed))
        return new if self.gate is None else x + self.gate(normed) * (new - x)

    def parts(self) -> list[tuple[nn.Module, str]]:
        """Methods, and whose they are, that may be compiled instead of the whole block: bands and levels share code."""
        maps = self.space.parts()
        if maps is None or not isinstance(self.attentions, SeparateBands):
            return [(self, "forward")]
        attentions = [attention for attention in self.attentions if isinstance(attention, Attention)]
        own = [(self, "normed"), (self, "mix_channels")]
        return [*own, *((each, "mix_tokens") for each in attentions), *maps]


class Conventions:
    """What encoders and the heads on them have in common beside the settings of their configs."""

    block: ClassVar[type[nn.Module]] = Block
    """Built from a config and the longest input, if that is known; maps (x, mask, position) like `Block`."""
    norm_eps: ClassVar[float] = 1e-5
    """What the encoder's last norm adds to the variance."""
    exact_padding: ClassVar[bool] = True
    """Whether valid outputs do not depend on the padding. If not, blocks take padding for tokens: it may lie anywhere,
    the CLS token is masked when the first token is, and states come without a mask."""
    activation: ClassVar[str] = "normed_gelu"
    """The activation of a head's hidden layers, unless one is given."""
    second_layer: ClassVar[bool] = False
    """Whether a head for pairs has a second hidden layer."""

    @staticmethod
    def check(config: EncoderConfig) -> None:
        """Raises a ValueError if there is no such encoder; says what to change."""
