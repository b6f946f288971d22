"""Wavelet analysis and synthesis along the length of channels-last tensors, equal to pywt's."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wavspa_lit.wavelets.bank import Filters, as_filters
from wavspa_lit.wavelets.boundary import MODES, extend, inside
from wavspa_lit.wavelets.convolution import filter_down, filter_up
from wavspa_lit.wavelets.lifting import Lifting

Bank = Any
"""A filter bank or lifting module, filters, a pywt wavelet or its name; or a sequence of these, level 1 first."""


def wavedec(
    x: Tensor,
    bank: Bank,
    level: int | None = None,
    mode: str = "periodization",
    *,
    mask: Tensor | None = None,
    axis: int = -2,
) -> list[Tensor]:
    """Multi-level wavelet analysis.

    Args:
        x: (..., length, channels) or, with `axis`, the signal along another axis; float64, float32, bfloat16, float16
            (half precision is accumulated in float32). Real numbers only.
        bank: Filters, see `Bank`. Filters are (taps,) or (taps, channels).
        level: Depth; None: the largest that pywt calls useful.
        mode: Boundary rule: any pywt mode with pywt's lengths and values, or `official` (the released code's).
        mask: (batch, length) bool, True for valid samples, False for the padding behind them. Each row is then
            transformed as if it were alone, and coefficients outside `band_masks` are 0. x must be
            (batch, length, channels).
        axis: The axis of the signal.

    Returns:
        `[approximation_J, detail_J, ..., detail_1]`, shaped like x but for the signal's axis, in the dtype of x.

    Raises:
        ValueError: For an unknown mode, a negative level, an empty signal, or filters that do not fit.
        TypeError: If x is not floating point.
    """
    signal, restore = _channels_last(x, axis, mask)
    level = _check(signal, bank, level, mode)
    lengths = None if mask is None else mask.sum(-1)
    if mask is not None:
        signal = signal.masked_fill(~mask[..., None], 0.0)
    details: list[Tensor] = []
    for depth in range(level):
        step = _at_level(bank, depth)
        signal, detail = _analyse(signal, step, mode, lengths)
        lengths = None if lengths is None else coefficient_lengths(lengths, step, mode)
        details.append(detail)
    return [restore(band) for band in (signal, *reversed(details))]


def waverec(
    coefficients: Sequence[Tensor],
    bank: Bank,
    length: int | None = None,
    mode: str = "periodization",
    *,
    mask: Tensor | None = None,
    axis: int = -2,
) -> Tensor:
    """Multi-level wavelet synthesis, the inverse of `wavedec` for banks that reconstruct perfectly.

    Args:
        coefficients: As `wavedec` returns them.
        bank: As for `wavedec`.
        length: Length of the signal, to which the result is cropped; None: as pywt, which may give one sample more.
        mode: As for `wavedec`.
        mask: As for `wavedec`; samples outside it are 0.
        axis: The axis of the signal.

    Returns:
        (..., length, channels), in the dtype of the coefficients.

    Raises:
        ValueError: If the coefficients' lengths do not fit each other or `length`.
    """
    if not coefficients:
        raise ValueError("coefficients is empty; pass the list that wavedec returned")
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
    bands, level = [_channels_last(band, axis, mask)[0] for band in coefficients], len(coefficients) - 1
    _, restore = _channels_last(coefficients[0], axis, mask)
    if mask is not None:
        length = mask.shape[1] if length is None else length
    steps = [_at_level(bank, depth) for depth in range(level)]
    # The chain of lengths, of whole signals and of rows, that the analysis went through.
    totals: list[int | None] = [length]
    rows: list[Tensor | None] = [None if mask is None else mask.sum(-1)]
    for step in steps:
        totals.append(None if totals[-1] is None else int(coefficient_lengths(totals[-1], step, mode)))
        rows.append(None if rows[-1] is None else coefficient_lengths(rows[-1], step, mode))
    signal = bands[0]
    for depth, detail in zip(reversed(range(level)), bands[1:], strict=True):
        expected = totals[depth + 1]
        if expected is not None and detail.shape[1] != expected:
            raise ValueError(
                f"detail of level {depth + 1} has {detail.shape[1]} coefficients, but length={length} and "
                f"mode={mode!r} give {expected}; pass the length and mode of the analysis"
            )
        if not 0 <= signal.shape[1] - detail.shape[1] <= 1:
            raise ValueError(f"bands of {signal.shape[1]} and {detail.shape[1]} coefficients do not belong together")
        signal = _synthesise(signal[:, : detail.shape[1]], detail, steps[depth], mode, rows[depth], totals[depth])
    return restore(signal if length is None else signal[:, :length])


def coefficient_lengths(lengths: Any, bank: Bank, mode: str) -> Any:
    """Coefficients per band of one level, for an int or an int tensor of signal lengths."""
    if mode == "periodization" or isinstance(bank, Lifting):
        return (lengths + 1) // 2
    taps = as_filters(bank).dec_lo.shape[0]
    return (lengths + 1) // 2 + taps - 2 if mode == "official" else (lengths + taps - 1) // 2


def band_masks(mask: Tensor, bank: Bank, level: int, mode: str = "periodization") -> list[Tensor]:
    """Which coefficients of `wavedec` are valid for padded rows.

    A coefficient is valid if the row alone, without padding, has it.

    Args:
        mask: (batch, length) bool, True for valid samples, False for the padding behind them.
        bank: As for `wavedec`.
        level: Depth.
        mode: As for `wavedec`.

    Returns:
        One mask (batch, coefficients) for each band, in the order of `wavedec`.
    """
    lengths, total = mask.sum(-1), mask.shape[1]
    details: list[Tensor] = []
    for depth in range(level):
        step = _at_level(bank, depth)
        lengths, total = coefficient_lengths(lengths, step, mode), coefficient_lengths(total, step, mode)
        details.append(torch.arange(total, device=mask.device) < lengths[:, None])
    return [details[-1], *reversed(details)] if details else [mask]


def max_level(length: int, bank: Bank) -> int:
    """The largest useful depth, as pywt counts it: beyond it, every coefficient touches a boundary."""
    step = _at_level(bank, 0)
    taps = 2 if isinstance(step, Lifting) else as_filters(step).dec_lo.shape[0]
    return 0 if length < taps - 1 or taps < 2 else (length // (taps - 1)).bit_length() - 1


def _analyse(x: Tensor, bank: Bank, mode: str, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    if isinstance(bank, Lifting):
        return bank.analyse(x, lengths)
    filters = as_filters(bank).for_channels(x.shape[2])
    taps = filters.dec_lo.shape[0]
    total = x.shape[1]
    count = int(coefficient_lengths(total, bank, mode))
    if mode == "periodization":
        x, even = _even(x, lengths)
        extended = extend(x, taps // 2 - 1, taps // 2 - 1, "periodic", even)
    elif mode == "official":
        # The released code pads to an even length by reflection and lets its circular convolution wrap around that.
        x = extend(x, taps - 2, taps - 2 + (total % 2 if lengths is None else 1), "reflect", lengths)
        ends = None if lengths is None else 2 * coefficient_lengths(lengths, bank, mode)
        extended = extend(inside(x, ends), 0, taps - 2, "periodic", ends)
    else:
        extended = extend(x, taps - 2, taps - 1, mode, lengths)
    low, high = filter_down(extended, filters.dec_lo.flip(0), filters.dec_hi.flip(0), count)
    ends = None if lengths is None else coefficient_lengths(lengths, bank, mode)
    return inside(low, ends), inside(high, ends)


def _synthesise(low: Tensor, high: Tensor, bank: Bank, mode: str, lengths: Tensor | None, total: int | None) -> Tensor:
    ends = None if lengths is None else coefficient_lengths(lengths, bank, mode)
    low, high = inside(low, ends), inside(high, ends)
    if isinstance(bank, Lifting):
        signal = bank.synthesise(low, high, lengths)
    else:
        filters = as_filters(bank).for_channels(low.shape[2])
        taps = filters.rec_lo.shape[0]
        full = filter_up(low, high, filters.rec_lo, filters.rec_hi)
        if mode == "periodization":
            signal = _fold(full, taps // 2 - 1, 2 * low.shape[1], None if ends is None else 2 * ends)
        else:
            wrapped = taps - 2 if mode == "official" else 0  # redundant: these coefficients only reach the padding
            signal = full[:, taps - 2 : full.shape[1] - (taps - 2) - wrapped]
    return inside(signal[:, :total], lengths)


def _even(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Makes rows even by repeating their last sample, as pywt's periodization does."""
    if lengths is None:
        return (torch.cat((x, x[:, -1:]), dim=1), None) if x.shape[1] % 2 else (x, None)
    ends = lengths + lengths % 2
    x = inside(extend(x, 0, 1, "constant", lengths), ends)
    return x[:, : x.shape[1] - x.shape[1] % 2], ends


def _fold(full: Tensor, before: int, length: int, ends: Tensor | None) -> Tensor:
    """Adds what sticks out of a period on either side back at the other end.

    `full` (batch, before + length + before, channels) starts `before` samples ahead of the period of `length`, or of
    each row's own `ends`.
    """
    if not before:
        return full
    body = full[:, before : before + length]
    n = torch.full((1,), length, device=full.device) if ends is None else ends
    ahead = torch.arange(-before, 0, device=full.device).expand(len(n), -1)
    behind = torch.arange(before, device=full.device) + n[:, None]
    positions = torch.cat((ahead, behind), dim=1)
    wide = positions.expand(len(full), -1)[..., None].expand(-1, -1, full.shape[2])
    outside = full.gather(1, wide + before)
    return inside(body, ends).scatter_add(1, wide % n[:, None, None], outside)


def _at_level(bank: Bank, depth: int) -> Bank:
    """The bank of level depth + 1."""
    if isinstance(bank, nn.ModuleList | list) or (isinstance(bank, tuple) and not isinstance(bank[0], Tensor)):
        if depth >= len(bank):
            raise ValueError(f"there are filters for {len(bank)} levels; level {depth + 1} needs one more")
        return bank[depth]
    return bank


def _channels_last(x: Tensor, axis: int, mask: Tensor | None) -> tuple[Tensor, Any]:
    """Views x as (batch, length, channels), and returns how to undo that."""
    if not x.is_floating_point():
        raise TypeError(f"wavelet transforms need floating point numbers, got {x.dtype}; convert with x.float()")
    if axis in (-1, x.dim() - 1):
        moved = x[..., None]
    elif x.dim() < 2:
        raise ValueError(
            f"x needs a length and a channel axis, got shape {tuple(x.shape)}; use axis=-1 for bare signals"
        )
    else:
        moved = x.movedim(axis, -2)
    if mask is not None and (moved.dim() != 3 or mask.shape[0] != moved.shape[0]):
        raise ValueError(f"mask {tuple(mask.shape)} does not fit x {tuple(x.shape)}; expected (batch, length)")
    leading = moved.shape[:-2]

    def restore(band: Tensor) -> Tensor:
        band = band.reshape(*leading, *band.shape[-2:])
        return band[..., 0] if axis in (-1, x.dim() - 1) else band.movedim(-2, axis)

    if moved.shape[-2] == 0:
        raise ValueError("the signal is empty; its length must be at least 1")
    return moved.flatten(0, -3) if moved.dim() > 2 else moved[None], restore


def _check(x: Tensor, bank: Bank, level: int | None, mode: str) -> int:
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
    useful = max_level(x.shape[1], bank)
    if level is None:
        return useful
    if level < 0:
        raise ValueError(f"level must not be negative, got {level}")
    if level > max(useful, 1) and not torch.compiler.is_compiling():
        warnings.warn(
            f"level={level} is too deep for length {x.shape[1]}: "
            f"beyond level {useful} every coefficient touches a boundary",
            stacklevel=3,
        )
    return level


__all__ = ["Bank", "Filters", "band_masks", "coefficient_lengths", "max_level", "wavedec", "waverec"]
