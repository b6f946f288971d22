"""Wavelet analysis and synthesis along the length of channels-last tensors, equal to pywt's."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from wavspa_lit import choices
from wavspa_lit.padding import check_padding, once
from wavspa_lit.wavelets.backends import Backend
from wavspa_lit.wavelets.boundary import MODES, inside
from wavspa_lit.wavelets.level import Bank, analyse, coefficient_lengths, correlated, synthesise
from wavspa_lit.wavelets.lifting import Lifting


def wavedec(
    x: Tensor,
    bank: Bank,
    level: int | None = None,
    mode: str = "periodization",
    *,
    mask: Tensor | None = None,
    axis: int = -2,
    backend: Backend = "auto",
) -> list[Tensor]:
    """Multi-level wavelet analysis.

    Args:
        x: (..., length, channels) or, with `axis`, the signal along another axis; float64, float32, bfloat16, float16
            (half precision is accumulated in float32). Real numbers only.
        bank: A filter bank or lifting module, a pywt wavelet or its name, four filters, or an orthogonal low-pass; or
            a list of these, level 1 first. Filters are (taps,) or (taps, channels).
        level: Depth; None: `max_level`, the largest that pywt calls useful.
        mode: Boundary rule: any pywt mode with pywt's lengths and values, or `official` (the released code's).
        mask: (batch, length) bool, True for valid samples, False for the padding after them. Each row is then
            transformed as if it were alone, and coefficients outside `band_masks` are 0. x must be
            (batch, length, channels).
        axis: The axis of the signal.
        backend: `torch`: PyTorch operations; `triton`: fused kernels for CUDA tensors in single or half precision, an
            error elsewhere; `compiled`: loops that a C++ compiler makes fast, an error where there is none; `auto`: the
            kernels where they run, compiled loops for signals on a CPU with 2 ** 20 samples and more.

    Returns:
        `[approximation_J, detail_J, ..., detail_1]`, shaped like x but for the signal's axis, in the dtype of x.

    Raises:
        ValueError: For an unknown mode, a negative level, an empty signal, filters that do not fit, a backend that
            cannot serve x, or a mask with padding before a valid sample (on a GPU a RuntimeError, see `check_padding`).
        TypeError: If x is not a tensor of floating point numbers, or mask not one of bool.
    """
    signal, restore = channels_last(x, axis, mask)
    level = check(signal, bank, level, mode)
    lengths = row_lengths(signal, mask)
    details: list[Tensor] = []
    if not level:
        signal = inside(signal, lengths)
    for depth in range(level):
        step = at_level(bank, depth)
        signal, detail = analyse(signal, step, mode, lengths, backend, clean=depth > 0)
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
    backend: Backend = "auto",
) -> Tensor:
    """Multi-level wavelet synthesis, the inverse of `wavedec` for banks that reconstruct perfectly.

    Args:
        coefficients: As `wavedec` returns them.
        bank: As for `wavedec`.
        length: Length of the signal, to which the result is cropped; None: as pywt, which may give one sample more.
        mode: As for `wavedec`.
        mask: As for `wavedec`; samples outside it are 0.
        axis: The axis of the signal.
        backend: As for `wavedec`.

    Returns:
        (..., length, channels), in the dtype of the coefficients.

    Raises:
        ValueError: As for `wavedec`, and if the lengths of the coefficients do not fit each other or `length`.
    """
    if not coefficients:
        raise ValueError("coefficients is empty; pass the list that wavedec returned")
    check_rule(mode)
    bands, level = [channels_last(band, axis, mask)[0] for band in coefficients], len(coefficients) - 1
    _, restore = channels_last(coefficients[0], axis, mask)
    if mask is not None:
        length = mask.shape[1] if length is None else length
    steps = [at_level(bank, depth) for depth in range(level)]
    totals, rows = path_of_lengths(length, mask, steps, mode)
    signal = bands[0]
    for depth, detail in zip(reversed(range(level)), bands[1:], strict=True):
        expected = totals[depth + 1]
        if expected is not None and detail.shape[1] != expected:
            raise ValueError(
                f"detail of level {depth + 1} has {detail.shape[1]} coefficients, but length={length} and "
                f"mode={mode!r} give {expected}; pass the length and mode of the analysis"
            )
        if getattr(steps[depth], "lengthens_details", False):
            detail, totals[depth] = pad(detail, (0, 0, 0, signal.shape[1] - detail.shape[1])), None
        if signal.shape[::2] != detail.shape[::2] or not 0 <= signal.shape[1] - detail.shape[1] <= 1:
            shapes = f"{tuple(signal.shape)} and {tuple(detail.shape)}"
            raise ValueError(f"bands of shapes {shapes} (batch, coefficients, channels) do not belong together")
        signal = signal[:, : detail.shape[1]]
        signal = synthesise(signal, detail, steps[depth], mode, rows[depth], totals[depth], backend)
    if length is not None and not 0 < length <= signal.shape[1]:
        raise ValueError(f"length={length} does not fit: the coefficients are those of {signal.shape[1]} samples")
    return restore(signal if length is None else signal[:, :length])


def band_masks(mask: Tensor, bank: Bank, level: int, mode: str = "periodization") -> list[Tensor]:
    """Which coefficients of `wavedec` are valid for padded rows.

    A coefficient is valid if the row alone, without padding, has it.

    Args:
        mask: (batch, length) bool, True for valid samples, False for the padding after them.
        bank: As for `wavedec`.
        level: Depth.
        mode: As for `wavedec`.

    Returns:
        One mask (batch, coefficients) bool for each band, in the order of `wavedec`.

    Raises:
        ValueError: For an unknown mode, a negative level, or padding before a valid sample.
    """
    check_rule(mode, level)
    check_padding(mask)
    lengths, total = _lengths(mask), mask.shape[1]
    details: list[Tensor] = []
    for depth in range(level):
        step = at_level(bank, depth)
        lengths, total = coefficient_lengths(lengths, step, mode), coefficient_lengths(total, step, mode)
        details.append(_first(lengths, total))
    return [details[-1], *reversed(details)] if details else [mask]


def max_level(length: int, bank: Bank) -> int:
    """The largest useful depth, as pywt counts it: beyond it, every coefficient touches a boundary.

    With filters by level it is at most their number.
    """
    step = at_level(bank, 0)
    taps = 2 if isinstance(step, Lifting) else len(correlated(step).dec_lo)
    useful = 0 if length < taps - 1 or taps < 2 else (length // (taps - 1)).bit_length() - 1
    return useful if step is bank else min(useful, len(bank))


def path_of_lengths(
    length: int | None, mask: Tensor | None, steps: Sequence[Bank], mode: str
) -> tuple[list[int | None], list[Tensor | None]]:
    """The lengths that an analysis goes through, from the signal to the coarsest level.

    Args:
        length: Length of the signal; None: not known.
        mask: See `wavedec`.
        steps: The bank of each level, level 1 first.
        mode: Boundary rule.

    Returns:
        Lengths of the whole signal, None where not known, and lengths (batch,) of its rows, None without a mask; one
        more of each than there are steps.
    """
    totals: list[int | None] = [length]
    rows: list[Tensor | None] = [None if mask is None else _lengths(mask)]
    for step in steps:
        totals.append(None if totals[-1] is None else coefficient_lengths(totals[-1], step, mode))
        rows.append(None if rows[-1] is None else coefficient_lengths(rows[-1], step, mode))
    return totals, rows


def at_level(bank: Bank, depth: int) -> Bank:
    """The bank of level depth + 1; ValueError if there are filters for fewer levels."""
    if isinstance(bank, nn.ModuleList | list) or (isinstance(bank, tuple) and not isinstance(bank[0], Tensor)):
        if depth >= len(bank):
            raise ValueError(f"there are filters for {len(bank)} levels; level {depth + 1} needs one more")
        return bank[depth]
    return bank


def channels_last(x: Tensor, axis: int, mask: Tensor | None) -> tuple[Tensor, Any]:
    """Views x as (batch, length, channels).

    Returns:
        The view, and a function that gives a band (batch, coefficients, channels) the axes of x.

    Raises:
        TypeError: If x is not a tensor of floating point numbers.
        ValueError: If it is empty or has no axis for the channels, or if the mask does not fit it.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"wavelet transforms need tensors, got {type(x).__name__}; convert with torch.as_tensor")
    if not x.is_floating_point():
        raise TypeError(f"wavelet transforms need floating point numbers, got {x.dtype}; convert with x.float()")
    if x.dim() and axis in (-1, x.dim() - 1):
        moved = x[..., None]
    elif x.dim() < 2:
        raise ValueError(
            f"x needs a length and a channel axis, got shape {tuple(x.shape)}; use axis=-1 for bare signals"
        )
    else:
        moved = x.movedim(axis, -2)
    if mask is not None and (moved.dim() != 3 or mask.dim() != 2 or mask.shape[0] != moved.shape[0]):
        raise ValueError(f"mask {tuple(mask.shape)} does not fit x {tuple(x.shape)}; expected (batch, length)")
    check_padding(mask)
    leading = moved.shape[:-2]

    def restore(band: Tensor) -> Tensor:
        band = band.reshape(*leading, *band.shape[-2:])
        return band[..., 0] if axis in (-1, x.dim() - 1) else band.movedim(-2, axis)

    if 0 in moved.shape[-2:]:
        raise ValueError("the signal is empty; it must have at least one sample and one channel")
    return moved.flatten(0, -3) if moved.dim() > 2 else moved[None], restore


def row_lengths(x: Tensor, mask: Tensor | None) -> Tensor | None:
    """The lengths (batch,) int64 of the rows of x (batch, length, channels); None without a mask.

    Raises:
        ValueError: If the mask is of another length.
    """
    if mask is None:
        return None
    if mask.shape[1] != x.shape[1]:
        raise ValueError(f"mask covers {mask.shape[1]} samples, x has {x.shape[1]}")
    return _lengths(mask)


def _lengths(mask: Tensor) -> Tensor:
    """The lengths (batch,) int64 of rows with padding after them."""
    return once(mask, "lengths", lambda: mask.sum(-1))


def _first(lengths: Tensor, total: int) -> Tensor:
    """Which of `total` entries belong to rows of these lengths: (batch, total) bool."""
    return once(lengths, total, lambda: torch.arange(total, device=lengths.device) < lengths[:, None])


def check_rule(mode: str, level: int = 0) -> None:
    """Raises ValueError for an unknown mode or a negative level."""
    choices.check("mode", mode, MODES)
    if level < 0:
        raise ValueError(f"level must not be negative, got {level}")


def check(x: Tensor, bank: Bank, level: int | None, mode: str) -> int:
    """Checks the arguments of an analysis of x (batch, length, channels).

    Warns if the level is deeper than `max_level`.

    Returns:
        The level; `max_level` if it is None.

    Raises:
        ValueError: For an unknown mode or a negative level.
    """
    check_rule(mode, level or 0)
    if level is None:
        return max_level(x.shape[1], bank)
    if torch.compiler.is_compiling():
        return level  # a warning about one length would tie the compiled code to it
    useful = max_level(x.shape[1], bank)
    if level > useful:
        # The length is left out of the text: Python shows equal warnings once, and batches differ in length.
        warnings.warn(
            f"level={level} is too deep for so short a signal: the useful maximum is {useful}, "
            "beyond which every coefficient touches a boundary",
            stacklevel=3,
        )
    return level
