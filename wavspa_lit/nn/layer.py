"""Attention in a space as a layer of its own, to be put into any model."""

from dataclasses import fields
from typing import Any

from torch import Tensor, nn

from wavspa_lit.attention import AttentionConfig
from wavspa_lit.attention.base import Positions
from wavspa_lit.choices import check, check_kind, settings_of
from wavspa_lit.nn.bands import Bands, build_bands, positions_of
from wavspa_lit.padding import check_padding
from wavspa_lit.spaces import Space, WaveletSpace
from wavspa_lit.wavelets import WaveletConfig


class SpaceAttention(nn.Module):
    """`space.analyse → attention on each band → space.synthesise`.

    Padding is exact: valid outputs do not depend on how far a sequence is padded or on what else is in the batch.

    Args:
        space: The pair of maps between tokens and bands.
        attentions: Maps a list of bands to a list of tensors of their shapes, see `build_bands`.
    """

    def __init__(self, space: Space, attentions: nn.Module) -> None:
        super().__init__()
        self.space, self.attentions = space, attentions

    def forward(self, x: Tensor, mask: Tensor | None = None, position: Tensor | None = None) -> Tensor:
        """Attends within the sequences.

        Args:
            x: (batch, length, channels).
            mask: (batch, length) bool, True for tokens, False for the padding after them; None: no padding.
            position: (batch or 1, length) int64, where the tokens lie, for rotary positions; None: one apart.

        Returns:
            (batch, length, channels). Entries in the padding are finite and meaningless.

        Raises:
            ValueError: If padding lies before a token; on a GPU it is a RuntimeError, see `check_padding`.
        """
        check_padding(mask)
        bands = self.space.analyse(x, mask)
        places = () if position is None else (positions_of(bands, self.space.strides, position),)
        return self.space.synthesise(self.attentions(bands, *places), x.shape[1], mask)


class WaveletAttention(SpaceAttention):
    """Self-attention among wavelet coefficients (WavSpA, arXiv 2210.01989), a layer for any model.

        layer = WaveletAttention(dim=64, heads=4, wavelet="db8", level=2)
        y = layer(x, mask)  # x and y: (batch, length, 64); mask: (batch, length) bool, or None

    There is no norm, residual connection or MLP inside; `Block` has them.

    Args:
        dim: Channels of the input and the output.
        heads: Attention heads.
        wavelet: Name of the pywt wavelet that the filters are, or start from.
        kind: `fixed`, `adaptive`, `orthogonal`, `lifting` or `adaptive_lifting`, see `WaveletConfig`.
        level: Depth of the decomposition.
        attention: `softmax`, `linear`, `longformer`, ..., see `AttentionConfig`.
        bands: `separate`, `shared` or `joint` weights of the bands, see `EncoderConfig`.
        positions: `rotary` or `alibi` positions inside the attention.
        max_length: Longest input, for attentions that need it, such as `linformer`.
        **settings: Further settings of `WaveletConfig`, such as `mode` or `sharing`, and of `AttentionConfig`, such as
            `dropout` or `window`.

    Raises:
        ValueError: If a name is not known, or settings do not fit each other; says what to change.
    """

    def __init__(
        self,
        dim: int,
        heads: int = 4,
        wavelet: str = "db8",
        kind: str = "adaptive",
        level: int = 2,
        attention: str = "softmax",
        *,
        bands: Bands = "separate",
        positions: Positions = "none",
        max_length: int | None = None,
        **settings: Any,
    ) -> None:
        known = [{field.name for field in fields(config)} for config in (WaveletConfig, AttentionConfig)]
        taken = settings_of(WaveletAttention) - {"space", "attentions"}
        for name in settings:
            check("WaveletAttention has no setting", name, sorted(taken.union(*known) - {"name"}))
        check_kind("level", level, int)
        if dim < 1:
            raise ValueError(f"dim must be at least 1, got {dim}")
        if level < 1:
            raise ValueError(f"level must be at least 1, got {level}; without a transform use SoftmaxAttention")
        of_wavelet, of_attention = ({k: v for k, v in settings.items() if k in names} for names in known)
        space = WaveletSpace(WaveletConfig(kind=kind, name=wavelet, level=level, **of_wavelet), dim, heads)
        config = AttentionConfig(attention, heads=heads, **of_attention)
        super().__init__(
            space, build_bands(space, config, dim, bands=bands, positions=positions, max_length=max_length)
        )
