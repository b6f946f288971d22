"""Wavelet transforms along the length of channels-last tensors, with filters that may train. Pure torch."""

from wavspa_lit.wavelets.bank import AdaptiveBank, FilterBank, Filters, FixedBank
from wavspa_lit.wavelets.boundary import MODES, Mode
from wavspa_lit.wavelets.config import WaveletConfig, build_wavelet
from wavspa_lit.wavelets.lifting import AdaptiveLifting, Lifting, LiftingScheme
from wavspa_lit.wavelets.orthogonal import OrthogonalBank, lattice_angles, lattice_filter
from wavspa_lit.wavelets.packets import wavelet_packet, wavelet_packet_inverse
from wavspa_lit.wavelets.transform import band_masks, max_level, wavedec, waverec

__all__ = [
    "MODES",
    "AdaptiveBank",
    "AdaptiveLifting",
    "FilterBank",
    "Filters",
    "FixedBank",
    "Lifting",
    "LiftingScheme",
    "Mode",
    "OrthogonalBank",
    "WaveletConfig",
    "band_masks",
    "build_wavelet",
    "lattice_angles",
    "lattice_filter",
    "max_level",
    "wavedec",
    "wavelet_packet",
    "wavelet_packet_inverse",
    "waverec",
]
