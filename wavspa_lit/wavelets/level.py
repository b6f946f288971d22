"""One level of analysis and synthesis: boundary, filters, every second sample."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from wavspa_lit.padding import once
from wavspa_lit.streams import made_aside
from wavspa_lit.wavelets.backends import LOOPS, choose, triton
from wavspa_lit.wavelets.bank import FilterBank, Filters, as_filters
from wavspa_lit.wavelets.boundary import extend, fold, inside
from wavspa_lit.wavelets.lifting import Lifting

Bank = Any
"""A filter bank or lifting module, filters, a pywt wavelet or its name; or a sequence of these, level 1 first."""


def correlated(bank: Bank) -> Filters:
    """The filters of a level as the loops take them; those of a module are made once in a pass for all."""
    if not isinstance(bank, FilterBank):
        return as_filters(bank).correlated()
    made = partial(made_aside, bank.correlated)
    return once(bank, ("filters", torch.is_grad_enabled()), made)  # those without gradients train nothing


def coefficient_lengths(lengths: Any, bank: Bank, mode: str) -> Any:
    """Coefficients per band of one level, for an int or an int tensor of signal lengths."""
    if mode == "periodization" or isinstance(bank, Lifting):
        more, half = 0, 1
    else:
        taps = len(correlated(bank).dec_lo)
        more, half = (taps - 2, 1) if mode == "official" else (0, taps - 1)

    def count() -> Any:
        return (lengths + half) // 2 + more

    return once(lengths, (half, more), count) if isinstance(lengths, Tensor) else count()


def analyse(
    x: Tensor, bank: Bank, mode: str, lengths: Tensor | None, backend: str = "auto", *, clean: bool = True
) -> tuple[Tensor, Tensor]:
    """One level of analysis.

    Args:
        x: (batch, length, channels).
        bank: The filters of this level.
        mode: Boundary rule.
        lengths: (batch,) int64, the length of each row; None: all rows are as long as x.
        backend: See `wavedec`.
        clean: Whether entries after the end of each row are zero. If not, they may hold anything, because zeros are
            taken instead of them.

    Returns:
        Approximation and detail, each (batch, coefficients, channels) in the dtype of x. Entries after the last
        coefficient of a row are zero.

    Raises:
        ValueError: If the filters do not fit the channels, or the backend cannot serve x.
    """
    if isinstance(bank, Lifting):
        return bank.analyse(x if clean else inside(x, lengths), lengths)
    filters = correlated(bank).for_channels(x.shape[2])
    taps, dtype = len(filters.dec_lo), x.dtype
    wide = torch.promote_types(dtype, torch.float32)
    weights = [f.to(x.device, wide) for f in (filters.dec_lo, filters.dec_hi)]
    count = coefficient_lengths(x.shape[1], bank, mode)
    ends = None if lengths is None else coefficient_lengths(lengths, bank, mode)
    samples = 2 * count + taps - 2
    way = choose(x, taps, samples, backend)
    if way == "triton":
        low, high = triton.analyse(x, weights, mode, count, lengths, ends)
    else:
        x = x.to(wide) if clean else inside(x.to(wide), lengths)
        extended = _extended(x, taps, mode, lengths, ends)[:, :samples]
        low, high = (inside(band, ends) for band in LOOPS[way].down(extended, *weights))
    return low.to(dtype), high.to(dtype)


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
        lengths: (batch,) int64, the length of each row of the signal; None: all rows are equally long.
        total: Length to which the signal is cropped; None: it is not cropped.
        backend: See `wavedec`.

    Returns:
        (batch, length, channels) in the dtype of low. Entries after the end of a row are zero.

    Raises:
        ValueError: If the filters do not fit the channels, or the backend cannot serve low.
    """
    ends = None if lengths is None else coefficient_lengths(lengths, bank, mode)
    dtype = low.dtype
    wide = torch.promote_types(dtype, torch.float32)
    if isinstance(bank, Lifting):
        signal = bank.synthesise(inside(low.to(wide), ends), inside(high.to(wide), ends), lengths)
        return inside(signal[:, :total], lengths).to(dtype)
    filters = correlated(bank).for_channels(low.shape[2])
    weights, taps = [f.to(low.device, wide) for f in (filters.rec_lo, filters.rec_hi)], len(filters.rec_lo)
    way = choose(low, taps, low.shape[1], backend)
    if way == "triton":
        return triton.synthesise((low, high), weights, mode, total, lengths, ends)
    full = LOOPS[way].up(*(inside(band.to(wide), ends) for band in (low, high)), *weights)
    if mode == "periodization":
        periods, edge = None if ends is None else 2 * ends, taps // 2 - 1
        signal = inside(fold(full, edge, edge, "periodic", periods), periods)
    else:
        # With official there are (taps - 2) / 2 more coefficients, which only reach samples beyond the end.
        wrapped = taps - 2 if mode == "official" else 0
        signal = full[:, taps - 2 : full.shape[1] - (taps - 2) - wrapped]
    return inside(signal[:, :total], lengths).to(dtype)


def _extended(x: Tensor, taps: int, mode: str, lengths: Tensor | None, ends: Tensor | None) -> Tensor:
    """Extends x beyond both ends by as many samples as the filters reach.

    Args:
        x: (batch, length, channels).
        taps: Length of the filters.
        mode: Boundary rule.
        lengths: See `analyse`.
        ends: (batch,) int64, the coefficients of each row; None exactly if `lengths` is None.
    """
    if mode == "periodization":
        x, even = _even(x, lengths)
        return extend(x, taps // 2 - 1, taps // 2 - 1, "periodic", even)
    if mode == "official":
        # The signal is reflected up to an even length, and what lies beyond that comes from its other end.
        x = extend(x, taps - 2, taps - 2 + (x.shape[1] % 2 if lengths is None else 1), "reflect", lengths)
        periods = None if ends is None else 2 * ends
        return extend(inside(x, periods), 0, taps - 2, "periodic", periods)
    return extend(x, taps - 2, taps - 1, mode, lengths)


def _even(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Makes the length of each row even by repeating its last sample, as pywt's periodization does.

    Returns:
        The rows, and their lengths, or None if `lengths` is None.
    """
    if lengths is None:
        return (torch.cat((x, x[:, -1:]), dim=1), None) if x.shape[1] % 2 else (x, None)
    ends = lengths + lengths % 2
    x = inside(extend(x, 0, 1, "constant", lengths), ends)
    return x[:, : x.shape[1] - x.shape[1] % 2], ends
