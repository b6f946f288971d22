"""One encoder block."""

from torch import Tensor, nn

from wavspa_lit.nn.bands import build_bands
from wavspa_lit.nn.config import EncoderConfig
from wavspa_lit.nn.layer import SpaceAttention


class Block(SpaceAttention):
    """`norm → space.analyse → attention on each band → space.synthesise → residual → norm → MLP → residual`.

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

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps x (batch, length, channels), with mask (batch, length) True for tokens, to the same shape."""
        x = x + self.dropout(super().forward(self.attention_norm(x), mask))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))
