"""Wavelet space: attention inside each band of wavelet coefficients (WavSpA, arXiv 2210.01989)."""

from itertools import product

import torch
from torch import Tensor, nn

from wavspa_lit.spaces.base import Band, Space, concatenate
from wavspa_lit.wavelets import (
    FilterBank,
    Lifting,
    WaveletConfig,
    band_masks,
    build_wavelet,
    wavedec,
    wavelet_packet,
    wavelet_packet_inverse,
    waverec,
)


class WaveletSpace(Space):
    """Bands `[approximation_J, detail_J, ..., detail_1]` of a wavelet transform along the length, which may train.

    With packets there are 2 ** J bands of equal width instead.

    Args:
        wavelet: Filters, level and boundary mode.
        dim: Channels.
        heads: Attention heads, for filters shared within a head.
        synthesis: Transform back to tokens. If False, the coefficients stand in for the tokens, for comparison: the
            bands are put one after another, and position t gets the t-th coefficient of its row. Rows whose length
            2 ** level does not divide have a few coefficients more than tokens, and the last of them are cut off.
    """

    def __init__(self, wavelet: WaveletConfig, dim: int, heads: int = 1, *, synthesis: bool = True) -> None:
        super().__init__()
        self.synthesis = synthesis
        self.level, self.mode, self.packets = wavelet.level, wavelet.mode, wavelet.packets
        self.bank = build_wavelet(wavelet, dim, heads)
        if self.packets:
            self.strides = [2**self.level] * 2**self.level
        else:
            self.strides = [2**self.level, *(2**level for level in range(self.level, 0, -1))]

    @property
    def band_names(self) -> list[str]:
        """See `Space.band_names`; packets are named by their path from the signal, `a` low-pass and `d` high-pass."""
        if self.packets:
            return ["packet " + "".join(path) for path in product("ad", repeat=self.level)]
        return [f"approximation {self.level}", *(f"detail {level}" for level in range(self.level, 0, -1))]

    def lengths(self, length: int) -> list[int]:
        """See `Space.lengths`."""
        return [mask.shape[1] for mask in self._masks(torch.ones(1, length, dtype=torch.bool))]

    def take(self, x: Tensor) -> Tensor:
        """See `Space.take`: the dtype of autocast.

        Otherwise the attention would cast each band by itself, which costs a second pass over the coefficients. Nothing
        is lost, because the transforms accumulate in float32.
        """
        device = x.device.type
        return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x

    def analyse(self, x: Tensor, mask: Tensor | None) -> list[Band]:
        """See `Space.analyse`; a coefficient is valid if its filter touches a token."""
        transform = wavelet_packet if self.packets else wavedec
        bands = transform(self.take(x), self.bank, self.level, self.mode, mask=mask)
        masks = [None] * len(bands) if mask is None else self._masks(mask)
        return [Band(band, valid) for band, valid in zip(bands, masks, strict=True)]

    def synthesise(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        """See `Space.synthesise`."""
        if not self.synthesis:
            return self._in_a_row(bands, length, mask)
        transform = wavelet_packet_inverse if self.packets else waverec
        return transform(bands, self.bank, length, self.mode, mask=mask)

    def parts(self) -> list[tuple[nn.Module, str]]:
        """See `Space.parts`: lifting steps, or what makes trained filters; the rest are single kernels, or views."""
        parts: list[tuple[nn.Module, str]] = []
        for bank in self.bank.modules():
            if isinstance(bank, Lifting):
                parts += [(bank, "analyse"), (bank, "synthesise")]
            elif isinstance(bank, FilterBank) and next(bank.parameters(), None) is not None:
                parts.append((bank, "correlated"))
        return parts

    def _in_a_row(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        masks = [None] * len(bands) if mask is None else self._masks(mask)
        x = concatenate([Band(band, valid) for band, valid in zip(bands, masks, strict=True)])[0].x[:, :length]
        return x if mask is None else x.masked_fill(~mask[..., None], 0.0)

    def _masks(self, mask: Tensor) -> list[Tensor]:
        masks = band_masks(mask, self.bank, self.level, self.mode)
        return masks[:1] * 2**self.level if self.packets else masks
