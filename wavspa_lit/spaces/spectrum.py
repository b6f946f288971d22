"""Discrete Fourier transforms along the length in which every row is transformed at its own length.

A row that is padded with zeros and transformed at the padded length would be sampled at other frequencies. FFTs run in
float32 or float64, under autocast, too.
"""

from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from wavspa_lit.private_torch import exporting


def frequency_mask(mask: Tensor) -> Tensor:
    """Which of `length // 2 + 1` frequencies each row has.

    Args:
        mask: (batch, length) bool, True for the samples.

    Returns:
        (batch, length // 2 + 1) bool. A row of n samples has the frequencies 0 ... n // 2.
    """
    lengths = mask.sum(-1, keepdim=True)
    frequency = torch.arange(mask.shape[1] // 2 + 1, device=mask.device)
    return (2 * frequency <= lengths) & (lengths > 0)


def real_dft(x: Tensor, mask: Tensor | None) -> Tensor:
    """The first half of the spectrum of each row, orthonormal: `torch.fft.rfft` of the row without its padding.

    Args:
        x: (batch, length, channels), real, float32 or float64.
        mask: (batch, length) bool, True for the samples, False for the padding after them; None: no padding.

    Returns:
        Complex (batch, length // 2 + 1, channels), 0 beyond each row's highest frequency.
    """
    if mask is None:
        return _rfft(x) if torch.compiler.is_dynamo_compiling() else torch.fft.rfft(x, dim=1, norm="ortho")
    spectrum = row_dft(x * mask[..., None], mask.sum(-1), x.shape[1] // 2 + 1)
    return spectrum * frequency_mask(mask)[..., None]


def real_dft_inverse(spectrum: Tensor, length: int, mask: Tensor | None) -> Tensor:
    """The inverse of `real_dft`: real (batch, length, channels), 0 after each row's end."""
    if mask is None:
        compiling = torch.compiler.is_dynamo_compiling()
        return _irfft(spectrum, length) if compiling else torch.fft.irfft(spectrum, n=length, dim=1, norm="ortho")
    weight = frequency_weights(spectrum.shape[1], length, mask, spectrum)
    return row_dft(spectrum * weight[..., None], mask.sum(-1), length, inverse=True).real * mask[..., None]


def frequency_weights(count: int, length: int, mask: Tensor | None, like: Tensor) -> Tensor:
    """How often each of the first `count` frequencies counts in the inverse, (batch or 1, count) int64.

    The other half of a real row's spectrum is the conjugate of the first one, so that this one counts twice, except for
    the frequencies 0 and n / 2, which are in both.

    Args:
        count: Number of frequencies.
        length: Number of samples, without a mask.
        mask: (batch, samples) bool, True for the samples; None: all are.
        like: A tensor on the device that is wanted.
    """
    frequency = torch.arange(count, device=like.device)
    if mask is None:
        return torch.where((frequency == 0) | (2 * frequency == length), 1, 2)[None]
    once = (frequency == 0) | (2 * frequency == mask.sum(-1)[:, None])
    return torch.where(once, 1, 2) * frequency_mask(mask)


def row_dft(x: Tensor, lengths: Tensor, count: int, *, inverse: bool = False) -> Tensor:
    """`sum_t x[t] exp(-2πi k t / n) / √n` for k = 0 ... count - 1, n being the row's own length.

    `torch.compile` takes it as one operator, because the size of its FFTs would make the compiler work anew for each
    length, and because it does not know in which layout an FFT leaves its result.

    Args:
        x: (batch, length, channels), real or complex, zero after each row's end.
        lengths: (batch,) int64, where the rows end.
        count: Number of outputs.
        inverse: Take the other sign in the exponent.

    Returns:
        Complex (batch, count, channels). Outputs beyond the row's own length are finite and meaningless.
    """
    return (_bluestein if exporting() else _row_dft)(x, lengths, count, inverse)


def _bluestein(x: Tensor, lengths: Tensor, count: int, inverse: bool) -> Tensor:
    """Bluestein's algorithm, O(length · log length).

    `2 k t = k² + t² - (k - t)²` turns the sum into a convolution with the chirp `exp(πi t² / n)`, which ordinary FFTs
    of one size compute for all rows.
    """
    terms = x.shape[1]
    n = lengths.clamp(min=1)[:, None]
    lag = torch.arange(1 - terms, count, device=x.device)
    # The squares are reduced modulo the period 2 n as integers, because as floats they would be too large to tell
    # angles apart in long rows.
    phase, length = (integers.to(x.real.dtype) for integers in (lag.square() % (2 * n), n))
    angle = phase * torch.pi / length
    chirp = torch.polar(torch.ones_like(angle), angle if inverse else -angle)[..., None]
    before, size = terms - 1, 1 << (terms + count - 2).bit_length()
    spectrum = torch.fft.fft(x * chirp[:, :terms].flip(1), size, dim=1)
    convolved = torch.fft.ifft(spectrum * torch.fft.fft(chirp.conj(), size, dim=1), dim=1)
    outputs = convolved[:, before : before + count] * chirp[:, before:] / length[..., None].sqrt()
    return outputs.contiguous()  # FFTs may leave another layout, which compiled code does not expect


_row_dft = custom_op("wavspa_lit::row_dft", _bluestein, mutates_args=())


@_row_dft.register_fake
def _(x: Tensor, lengths: Tensor, count: int, inverse: bool) -> Tensor:
    return x.new_empty(x.shape[0], count, x.shape[2], dtype=x.dtype.to_complex())


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor, int, bool], output: Tensor) -> None:
    x, lengths, _, ctx.inverse = inputs
    ctx.terms, ctx.real = x.shape[1], not x.is_complex()
    ctx.save_for_backward(lengths)


def _adjoint(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
    """The gradient of x: the matrix of the sum is symmetric in k and t, so that its adjoint takes the other sign."""
    (lengths,) = ctx.saved_tensors
    back = _row_dft(gradient, lengths, ctx.terms, not ctx.inverse)
    return back.real if ctx.real else back, None, None, None


_row_dft.register_autograd(_adjoint, setup_context=_keep)


# What `torch.compile` takes instead of `torch.fft.rfft` and `irfft`, for the same reasons. Each is the adjoint of the
# other but for the weight of the frequencies that stand for two.


def _half_spectrum(x: Tensor) -> Tensor:
    return torch.fft.rfft(x, dim=1, norm="ortho").contiguous()


def _from_half_spectrum(spectrum: Tensor, length: int) -> Tensor:
    return torch.fft.irfft(spectrum, n=length, dim=1, norm="ortho").contiguous()


_rfft = custom_op("wavspa_lit::rfft", _half_spectrum, mutates_args=())
_irfft = custom_op("wavspa_lit::irfft", _from_half_spectrum, mutates_args=())


@_rfft.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], x.shape[1] // 2 + 1, x.shape[2], dtype=x.dtype.to_complex())


@_irfft.register_fake
def _(spectrum: Tensor, length: int) -> Tensor:
    return spectrum.new_empty(spectrum.shape[0], length, spectrum.shape[2], dtype=spectrum.dtype.to_real())


def _keep_length(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.length = inputs[1] if len(inputs) == 2 else inputs[0].shape[1]


def _rfft_adjoint(ctx: Any, gradient: Tensor) -> Tensor:
    weight = frequency_weights(gradient.shape[1], ctx.length, None, gradient)
    return _irfft(gradient / weight[..., None], ctx.length)


def _irfft_adjoint(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
    spectrum = _rfft(gradient)
    return spectrum * frequency_weights(spectrum.shape[1], ctx.length, None, gradient)[..., None], None


_rfft.register_autograd(_rfft_adjoint, setup_context=_keep_length)
_irfft.register_autograd(_irfft_adjoint, setup_context=_keep_length)
