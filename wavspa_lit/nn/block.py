"""One encoder block."""

from torch import Tensor, nn

from wavspa_lit.nn.bands import build_bands
from wavspa_lit.nn.config import EncoderConfig


class Block(nn.Module):
    """`norm → space.analyse → attention on each band → space.synthesise → residual → norm → MLP → residual`.

    Padding is exact: valid outputs do not depend on how far a sequence is padded or on what else is in the batch.

    Args:
        config: The encoder's description.
        max_length: Longest input.
    """

    def __init__(self, config: EncoderConfig, max_length: int) -> None:
        super().__init__()
        self.space = config.build_space()
        self.attentions = build_bands(config, self.space, max_length)
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
        bands = self.space.analyse(self.attention_norm(x), mask)
        x = x + self.dropout(self.space.synthesise(self.attentions(bands), x.shape[1], mask))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))
