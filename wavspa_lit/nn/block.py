"""One encoder block."""

from torch import Tensor, nn

from wavspa_lit.attention import build_attention
from wavspa_lit.nn.config import EncoderConfig


class Block(nn.Module):
    """`norm → space.analyse → attention on each band → space.synthesise → residual → norm → MLP → residual`.

    Every band has attention weights of its own (paper's code). Padding is exact: valid outputs do not depend on how
    far a sequence is padded or on what else is in the batch.

    Args:
        config: The encoder's description.
        max_length: Longest input.
    """

    def __init__(self, config: EncoderConfig, max_length: int) -> None:
        super().__init__()
        self.space = config.build_space()
        self.attentions = nn.ModuleList(
            build_attention(config.attention, config.dim, max_length=entries, positions=config.positions, stride=stride)
            for entries, stride in zip(self.space.lengths(max_length), self.space.strides, strict=True)
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
        bands = self.space.analyse(self.attention_norm(x), mask)
        attended = [attend(band.x, band.mask) for attend, band in zip(self.attentions, bands, strict=True)]
        x = x + self.dropout(self.space.synthesise(attended, x.shape[1], mask))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))
