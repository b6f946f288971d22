"""Wavelet packets: the details are decomposed as well, into 2 ** level bands of equal width."""

from collections.abc import Sequence

from torch import Tensor

from wavspa_lit.wavelets.backends import Backend
from wavspa_lit.wavelets.boundary import inside
from wavspa_lit.wavelets.level import Bank, analyse, coefficient_lengths, synthesise
from wavspa_lit.wavelets.transform import at_level, channels_last, check, check_rule, path_of_lengths, row_lengths


def wavelet_packet(
    x: Tensor,
    bank: Bank,
    level: int,
    mode: str = "periodization",
    *,
    mask: Tensor | None = None,
    axis: int = -2,
    backend: Backend = "auto",
) -> list[Tensor]:
    """The full tree of a wavelet packet analysis.

    Args:
        x: As for `wavedec`.
        bank: As for `wavedec`.
        level: Depth.
        mode: As for `wavedec`.
        mask: As for `wavedec`.
        axis: As for `wavedec`.
        backend: As for `wavedec`.

    Returns:
        2 ** level bands in pywt's natural order: for level 2 `aa, ad, da, dd`, the first letter being level 1.

    Raises:
        ValueError: As for `wavedec`.
        TypeError: As for `wavedec`.
    """
    signal, restore = channels_last(x, axis, mask)
    level = check(signal, bank, level, mode)
    lengths = row_lengths(signal, mask)
    bands = [signal if level else inside(signal, lengths)]
    for depth in range(level):
        step = at_level(bank, depth)
        bands = [half for band in bands for half in analyse(band, step, mode, lengths, backend, clean=depth > 0)]
        lengths = None if lengths is None else coefficient_lengths(lengths, step, mode)
    return [restore(band) for band in bands]


def wavelet_packet_inverse(
    bands: Sequence[Tensor],
    bank: Bank,
    length: int,
    mode: str = "periodization",
    *,
    mask: Tensor | None = None,
    axis: int = -2,
    backend: Backend = "auto",
) -> Tensor:
    """The inverse of `wavelet_packet`.

    Args:
        bands: The bands that `wavelet_packet` returned.
        bank: As for `wavedec`.
        length: Length of the signal.
        mode: As for `wavedec`.
        mask: As for `wavedec`; samples outside it are 0.
        axis: As for `wavedec`.
        backend: As for `wavedec`.

    Returns:
        The signal, shaped like the bands but for the signal's axis, in their dtype.

    Raises:
        ValueError: For an unknown mode, if the number of bands is not a power of two, or if their lengths do not fit
            `length`.
    """
    check_rule(mode)
    level = len(bands).bit_length() - 1
    if len(bands) != 2**level:
        raise ValueError(f"a packet tree has a power of two of bands, got {len(bands)}")
    restore = channels_last(bands[0], axis, mask)[1]
    signals = [channels_last(band, axis, mask)[0] for band in bands]
    steps = [at_level(bank, depth) for depth in range(level)]
    totals, rows = path_of_lengths(length, mask, steps, mode)
    for signal in signals:
        if signal.shape[1] != totals[-1]:
            raise ValueError(
                f"a band has {signal.shape[1]} coefficients, but length={length} and mode={mode!r} give {totals[-1]}; "
                "pass the length and mode of the analysis"
            )
    for depth in reversed(range(level)):
        pairs = zip(signals[::2], signals[1::2], strict=True)
        step = (steps[depth], mode, rows[depth], totals[depth], backend)
        signals = [synthesise(low, high, *step) for low, high in pairs]
    return restore(signals[0])
