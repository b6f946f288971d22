"""Spaces in which attention runs: tokens themselves, or bands of wavelet coefficients."""

from wavspa_lit.spaces.base import Band, Space
from wavspa_lit.spaces.token import TokenSpace
from wavspa_lit.spaces.wavelet import WaveletSpace

__all__ = ["Band", "Space", "TokenSpace", "WaveletSpace"]
