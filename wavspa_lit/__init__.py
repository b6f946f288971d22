"""Wavelet Space Attention encoders for long sequences, on PyTorch Lightning (paper: arXiv 2210.01989)."""

__version__ = "0.1.0"
