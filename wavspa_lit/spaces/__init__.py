"""Spaces in which attention runs: tokens themselves, frequencies, or bands of wavelet coefficients."""

from wavspa_lit.spaces.base import Band, Space, concatenate
from wavspa_lit.spaces.fnet import FNetSpace
from wavspa_lit.spaces.fourier import FourierSpace
from wavspa_lit.spaces.token import TokenSpace
from wavspa_lit.spaces.wavelet import WaveletSpace

SPACES: dict[str, type[Space]] = {
    "wavelet": WaveletSpace,
    "token": TokenSpace,
    "fourier": FourierSpace,
    "fnet": FNetSpace,
}

__all__ = ["SPACES", "Band", "FNetSpace", "FourierSpace", "Space", "TokenSpace", "WaveletSpace", "concatenate"]
