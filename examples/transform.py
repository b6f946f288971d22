"""The wavelet transform alone: a signal into bands and back, with the filters of any pywt wavelet."""

import torch

from wavspa_lit import WaveletConfig, wavedec, waverec
from wavspa_lit.wavelets import build_wavelet

time = torch.linspace(0, 1, 1000)[None, :, None]  # (batch, length, channels)
signal = torch.sin(2 * torch.pi * 5 * time) + 0.1 * torch.sin(2 * torch.pi * 200 * time)
bank = build_wavelet(WaveletConfig(kind="fixed", name="db4"), channels=1)

bands = wavedec(signal, bank, level=3)  # [approximation 3, detail 3, detail 2, detail 1]
names = ("approximation 3", "detail 3", "detail 2", "detail 1")
for name, band in zip(names, bands, strict=True):
    share = 100 * band.square().sum() / signal.square().sum()
    print(f"{name:16} {band.shape[1]:4} coefficients, {share:5.1f} % of the energy")

back = waverec(bands, bank, length=1000)
print(f"largest error of the way back: {(back - signal).abs().max():.1e}")
