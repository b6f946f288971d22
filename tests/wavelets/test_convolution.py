"""The two inner loops and their gradients, which are written out by hand."""

import pytest
import torch

from wavspa_lit.wavelets import AdaptiveBank, wavedec
from wavspa_lit.wavelets.convolution import BLOCK, filter_down, filter_up

SIZES = [(2, 1, 3), (4, 5, 2), (6, BLOCK, 2), (16, BLOCK + 1, 3), (10, 2 * BLOCK + 3, 1)]


def tensors(*shapes):
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize(("taps", "count", "channels"), SIZES)
def test_values_are_the_sums_of_the_definition(taps, count, channels):
    x, low, high = tensors((2, 2 * count + taps - 2, channels), (taps, channels), (taps, channels))
    expected = [sum(w[k] * x[:, k : k + 2 * count - 1 : 2] for k in range(taps)) for w in (low, high)]
    for out, value in zip(filter_down(x, low, high, count), expected, strict=True):
        torch.testing.assert_close(out, value)


@pytest.mark.parametrize(("taps", "count", "channels"), SIZES)
def test_gradients_are_those_of_finite_differences(taps, count, channels):
    x, low, high = tensors((2, 2 * count + taps - 2, channels), (taps, channels), (taps, channels))
    assert torch.autograd.gradcheck(lambda *inputs: filter_down(*inputs, count), (x, low, high), fast_mode=True)
    bands = tensors((2, count, channels), (2, count, channels))
    assert torch.autograd.gradcheck(filter_up, (*bands, low, high), fast_mode=True)


def test_second_derivatives():
    x, low, high = tensors((1, 12, 2), (4, 2), (4, 2))
    assert torch.autograd.gradgradcheck(lambda *inputs: filter_down(*inputs, 5), (x, low, high), fast_mode=True)
    assert torch.autograd.gradgradcheck(filter_up, (*tensors((1, 5, 2), (1, 5, 2)), low, high), fast_mode=True)


def test_synthesis_is_the_adjoint_of_analysis():
    x, low, high, a, d = tensors((2, 44, 3), (6, 3), (6, 3), (2, 20, 3), (2, 20, 3))
    down = filter_down(x, low, high, 20)
    torch.testing.assert_close((down[0] * a + down[1] * d).sum(), (x * filter_up(a, d, low, high)).sum())


def test_coefficients_can_be_changed_in_place():
    """As in denoising, with trainable filters as well."""
    bands = wavedec(torch.randn(2, 64, 3), AdaptiveBank.from_wavelet("db2", 3), 2)
    bands[-1][:, 4:] = 0.0
    bands[1].mul_(0.5)
    sum(band.sum() for band in bands).backward()
    assert not bands[-1][:, 4:].any()
