"""Spaces in which attention runs: tokens themselves, frequencies, or bands of wavelet coefficients."""

from wavspa_lit.spaces.base import Band, Space, concatenate
from wavspa_lit.spaces.fnet import FNetSpace
from wavspa_lit.spaces.fourier import FourierSpace
from wavspa_lit.spaces.token import TokenSpace
from wavspa_lit.spaces.wavelet import WaveletSpace

__all__ = ["Band", "FNetSpace", "FourierSpace", "Space", "TokenSpace", "WaveletSpace", "concatenate"]
