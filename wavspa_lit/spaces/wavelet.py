"""Wavelet space: attention inside each band of wavelet coefficients (WavSpA, arXiv 2210.01989)."""

import torch
from torch import Tensor

from wavspa_lit.spaces.base import Band, Space
from wavspa_lit.wavelets import WaveletConfig, band_masks, build_wavelet, wavedec, waverec


class WaveletSpace(Space):
    """Bands `[approximation_J, detail_J, ..., detail_1]` of a (learnable) wavelet transform along the length.

    Args:
        config: Filters, level and boundary mode.
        dim: Channels.
    """

    def __init__(self, config: WaveletConfig, dim: int) -> None:
        super().__init__()
        self.level, self.mode = config.level, config.mode
        self.bank = build_wavelet(config, dim)
        self.strides = [2**self.level, *(2**level for level in range(self.level, 0, -1))]

    def lengths(self, length: int) -> list[int]:
        """See `Space.lengths`."""
        mask = torch.ones(1, length, dtype=torch.bool)
        return [m.shape[1] for m in band_masks(mask, self.bank, self.level, self.mode)]

    def analyse(self, x: Tensor, mask: Tensor | None) -> list[Band]:
        """See `Space.analyse`; masks follow from the filters' support."""
        coefficients = wavedec(x, self.bank, self.level, self.mode, mask=mask)
        if mask is None:
            return [Band(c) for c in coefficients]
        return [
            Band(c, m) for c, m in zip(coefficients, band_masks(mask, self.bank, self.level, self.mode), strict=True)
        ]

    def synthesise(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        """See `Space.synthesise`."""
        return waverec(bands, self.bank, length, self.mode, mask=mask)
