"""One level of analysis and synthesis: boundary, filters, every second sample."""

from typing import Any

import torch
from torch import Tensor

from wavspa_lit.wavelets.bank import as_filters
from wavspa_lit.wavelets.boundary import extend, fold, inside
from wavspa_lit.wavelets.convolution import filter_down, filter_up
from wavspa_lit.wavelets.fused import RULES, down, up, use_fused
from wavspa_lit.wavelets.lifting import Lifting

Bank = Any
"""A filter bank or lifting module, filters, a pywt wavelet or its name; or a sequence of these, level 1 first."""


def coefficient_lengths(lengths: Any, bank: Bank, mode: str) -> Any:
    """Coefficients per band of one level, for an int or an int tensor of signal lengths."""
    if mode == "periodization" or isinstance(bank, Lifting):
        return (lengths + 1) // 2
    taps = as_filters(bank).dec_lo.shape[0]
    return (lengths + 1) // 2 + taps - 2 if mode == "official" else (lengths + taps - 1) // 2


def analyse(x: Tensor, bank: Bank, mode: str, lengths: Tensor | None, backend: str = "auto") -> tuple[Tensor, Tensor]:
    """One level of analysis.

    Args:
        x: (batch, length, channels), zero behind each row's end.
        bank: The filters of this level.
        mode: Boundary rule.
        lengths: (batch,) int64, where the rows end; None: all are full.
        backend: See `wavedec`.

    Returns:
        Approximation and detail, (batch, coefficients, channels), zero behind each row's last coefficient.
    """
    if isinstance(bank, Lifting):
        return bank.analyse(x, lengths)
    filters = as_filters(bank).for_channels(x.shape[2])
    taps = filters.dec_lo.shape[0]
    total, dtype = x.shape[1], x.dtype
    count = coefficient_lengths(total, bank, mode)
    ends = None if lengths is None else coefficient_lengths(lengths, bank, mode)
    low_filter, high_filter = filters.dec_lo.flip(0), filters.dec_hi.flip(0)
    fused = use_fused(x, backend)
    if not fused or mode not in RULES:  # what is extrapolated is not rounded, nor are its gradients
        x = x.to(torch.promote_types(dtype, torch.float32))
    if fused:
        offset, rule = _offset(taps, mode), mode
        if mode not in RULES:
            x, offset, rule = extend(x, taps - 2, taps - 1, mode, lengths), 0, "zero"
            lengths = None if lengths is None else lengths + 2 * taps - 3
        weights = [f.to(x.device, torch.float32) for f in (low_filter, high_filter)]
        low, high = down(x, *weights, offset, count, rule, lengths, ends)
        return low.to(dtype), high.to(dtype)
    if mode == "periodization":
        x, even = _even(x, lengths)
        extended = extend(x, taps // 2 - 1, taps // 2 - 1, "periodic", even)
    elif mode == "official":
        # The released code pads to an even length by reflection and lets its circular convolution wrap around that.
        x = extend(x, taps - 2, taps - 2 + (total % 2 if lengths is None else 1), "reflect", lengths)
        periods = None if ends is None else 2 * ends
        extended = extend(inside(x, periods), 0, taps - 2, "periodic", periods)
    else:
        extended = extend(x, taps - 2, taps - 1, mode, lengths)
    low, high = filter_down(extended, low_filter, high_filter, count, backend)
    return inside(low, ends).to(dtype), inside(high, ends).to(dtype)


def synthesise(
    low: Tensor,
    high: Tensor,
    bank: Bank,
    mode: str,
    lengths: Tensor | None,
    total: int | None,
    backend: str = "auto",
) -> Tensor:
    """One level of synthesis, the inverse of `analyse`.

    Args:
        low: Approximation (batch, coefficients, channels).
        high: Detail, in the same shape.
        bank: The filters of this level.
        mode: Boundary rule.
        lengths: (batch,) int64, where the rows of the signal end; None: all are full.
        total: Length to which the signal is cropped; None: as long as it comes.
        backend: See `wavedec`.

    Returns:
        (batch, length, channels), zero behind each row's end.
    """
    ends = None if lengths is None else coefficient_lengths(lengths, bank, mode)
    if not isinstance(bank, Lifting) and use_fused(low, backend):
        return _fused_synthesis(low, high, bank, mode, lengths, ends, total)
    dtype = low.dtype
    wide = torch.promote_types(dtype, torch.float32)
    low, high = inside(low.to(wide), ends), inside(high.to(wide), ends)
    if isinstance(bank, Lifting):
        signal = bank.synthesise(low, high, lengths)
    else:
        filters = as_filters(bank).for_channels(low.shape[2])
        taps = filters.rec_lo.shape[0]
        full = filter_up(low, high, filters.rec_lo, filters.rec_hi, backend)
        if mode == "periodization":
            periods, edge = None if ends is None else 2 * ends, taps // 2 - 1
            signal = inside(fold(full, edge, edge, "periodic", periods), periods)
        else:
            wrapped = taps - 2 if mode == "official" else 0  # redundant: these coefficients only reach the padding
            signal = full[:, taps - 2 : full.shape[1] - (taps - 2) - wrapped]
    return inside(signal[:, :total], lengths).to(dtype)


def _fused_synthesis(
    low: Tensor, high: Tensor, bank: Bank, mode: str, lengths: Tensor | None, ends: Tensor | None, total: int | None
) -> Tensor:
    filters, count = as_filters(bank).for_channels(low.shape[2]), low.shape[1]
    taps = filters.rec_lo.shape[0]
    if mode == "periodization":
        rule, whole = "cropped", 2 * count
    else:
        rule, whole = "zero", 2 * count - (taps - 2) * (2 if mode == "official" else 1)
    length = whole if total is None else min(whole, total)
    weights = [f.to(low.device, torch.float32) for f in (filters.rec_lo, filters.rec_hi)]
    return up(low, high, *weights, _offset(taps, mode), length, rule, lengths, ends)


def _offset(taps: int, mode: str) -> int:
    """Position in the filters of the first sample for the first coefficient."""
    return taps // 2 - 1 if mode == "periodization" else taps - 2


def _even(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Makes rows even by repeating their last sample, as pywt's periodization does."""
    if lengths is None:
        return (torch.cat((x, x[:, -1:]), dim=1), None) if x.shape[1] % 2 else (x, None)
    ends = lengths + lengths % 2
    x = inside(extend(x, 0, 1, "constant", lengths), ends)
    return x[:, : x.shape[1] - x.shape[1] % 2], ends
