"""Fourier space: attention among the frequencies of a sequence. The transform takes O(length · log length)."""

import torch
from torch import Tensor

from wavspa_lit.precision import accumulable
from wavspa_lit.spaces.base import Band, Space
from wavspa_lit.spaces.spectrum import frequency_mask, real_dft, real_dft_inverse


class FourierSpace(Space):
    """Two bands, the real and the imaginary parts of the orthonormal spectrum, each `length // 2 + 1` frequencies.

    Each band has attention of its own, as wavelet bands have. Each row is transformed at its own length. Positions
    inside the attention (rotary, alibi) number the frequencies.
    """

    def __init__(self) -> None:
        super().__init__()
        self.strides = [1, 1]

    @property
    def band_names(self) -> list[str]:
        """See `Space.band_names`."""
        return ["real", "imaginary"]

    def lengths(self, length: int) -> list[int]:
        """See `Space.lengths`."""
        return [length // 2 + 1] * 2

    def analyse(self, x: Tensor, mask: Tensor | None) -> list[Band]:
        """See `Space.analyse`."""
        valid = None if mask is None else frequency_mask(mask)
        with torch.autocast(x.device.type, enabled=False):
            spectrum = real_dft(accumulable(x), mask)
        return [Band(part.to(x.dtype), valid) for part in (spectrum.real, spectrum.imag)]

    def synthesise(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        """See `Space.synthesise`."""
        real, imaginary = bands
        with torch.autocast(real.device.type, enabled=False):
            spectrum = torch.complex(accumulable(real), accumulable(imaginary))
            return real_dft_inverse(spectrum, length, mask).to(real.dtype)
