"""Fourier space: attention among the frequencies of a sequence. The transform takes O(length · log length)."""

import torch
from torch import Tensor

from wavspa_lit.precision import accumulable
from wavspa_lit.spaces import matrices
from wavspa_lit.spaces.base import Band, Space
from wavspa_lit.spaces.spectrum import frequency_mask, frequency_weights, real_dft, real_dft_inverse


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
            if matrices.wanted():
                parts = matrices.real_dft(accumulable(x), mask)
                parts = parts if valid is None else (parts[0] * valid[..., None], parts[1] * valid[..., None])
            else:
                spectrum = real_dft(accumulable(x), mask)
                parts = spectrum.real, spectrum.imag
        return [Band(part.to(x.dtype), valid) for part in parts]

    def synthesise(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        """See `Space.synthesise`."""
        real, imaginary = bands
        with torch.autocast(real.device.type, enabled=False):
            if matrices.wanted():
                weight = frequency_weights(real.shape[1], length, mask, real)
                signal = matrices.real_dft_inverse(accumulable(real), accumulable(imaginary), weight, length, mask)
                return (signal if mask is None else signal * mask[..., None]).to(real.dtype)
            spectrum = torch.complex(accumulable(real), accumulable(imaginary))
            return real_dft_inverse(spectrum, length, mask).to(real.dtype)
