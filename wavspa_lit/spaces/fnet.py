"""FNet (Lee-Thorp et al., arXiv 2105.03824): Fourier mixing instead of attention. Time O(length · log length)."""

import torch
from torch import Tensor

from wavspa_lit.precision import accumulable
from wavspa_lit.spaces import matrices
from wavspa_lit.spaces.base import Band, Space
from wavspa_lit.spaces.spectrum import row_dft


class FNetSpace(Space):
    """One band, the real part of the two-dimensional DFT over length and channels, which is not transformed back.

    The transform is orthonormal, so that it neither grows nor shrinks the residual branch. The paper's transform is
    not, and a norm after each of its blocks makes up for that. Each row is transformed at its own length.
    """

    def __init__(self) -> None:
        super().__init__()
        self.strides = [1]

    def lengths(self, length: int) -> list[int]:
        """See `Space.lengths`."""
        return [length]

    def analyse(self, x: Tensor, mask: Tensor | None) -> list[Band]:
        """See `Space.analyse`."""
        if matrices.wanted():
            mixed = matrices.mixed(accumulable(x), mask)
            return [Band((mixed if mask is None else mixed * mask[..., None]).to(x.dtype), mask)]
        with torch.autocast(x.device.type, enabled=False):
            spectrum = torch.fft.fft(accumulable(x), dim=2, norm="ortho")
            if mask is None:
                mixed = torch.fft.fft(spectrum, dim=1, norm="ortho").real
            else:
                valid = mask[..., None]
                mixed = row_dft(spectrum * valid, mask.sum(-1), x.shape[1]).real * valid
        return [Band(mixed.to(x.dtype), mask)]

    def synthesise(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        """Returns the band, because FNet does not transform back."""
        return bands[0]
