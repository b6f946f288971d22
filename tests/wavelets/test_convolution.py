"""The two inner loops and their gradients, which are written out by hand."""

import pytest
import torch

from wavspa_lit.wavelets import AdaptiveBank, wavedec
from wavspa_lit.wavelets.backends import LOOPS
from wavspa_lit.wavelets.backends.torch import BLOCK

WAYS = ["traced", "torch_short", "torch_phases", "torch"]

SIZES = [(2, 1, 3), (4, 5, 2), (6, BLOCK, 2), (16, BLOCK + 1, 3), (10, 2 * BLOCK + 3, 1)]


def tensors(*shapes):
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("taps", "count", "channels"), SIZES)
def test_values_are_the_sums_of_the_definition(taps, count, channels, way):
    x, low, high = tensors((2, 2 * count + taps - 2, channels), (taps, channels), (taps, channels))
    expected = [sum(w[k] * x[:, k : k + 2 * count - 1 : 2] for k in range(taps)) for w in (low, high)]
    for out, value in zip(LOOPS[way].down(x, low, high), expected, strict=True):
        torch.testing.assert_close(out, value)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("taps", "count", "channels"), SIZES)
def test_gradients_are_those_of_finite_differences(taps, count, channels, way):
    x, low, high = tensors((2, 2 * count + taps - 2, channels), (taps, channels), (taps, channels))
    assert torch.autograd.gradcheck(LOOPS[way].down, (x, low, high), fast_mode=True)
    bands = tensors((2, count, channels), (2, count, channels))
    assert torch.autograd.gradcheck(LOOPS[way].up, (*bands, low, high), fast_mode=True)


@pytest.mark.parametrize("way", WAYS)
def test_second_derivatives(way):
    x, low, high = tensors((1, 12, 2), (4, 2), (4, 2))
    assert torch.autograd.gradgradcheck(LOOPS[way].down, (x, low, high), fast_mode=True)
    assert torch.autograd.gradgradcheck(LOOPS[way].up, (*tensors((1, 5, 2), (1, 5, 2)), low, high), fast_mode=True)


@pytest.mark.parametrize("way", WAYS)
def test_synthesis_is_the_adjoint_of_analysis(way):
    x, low, high, a, d = tensors((2, 44, 3), (6, 3), (6, 3), (2, 20, 3), (2, 20, 3))
    down = LOOPS[way].down(x, low, high)
    torch.testing.assert_close((down[0] * a + down[1] * d).sum(), (x * LOOPS[way].up(a, d, low, high)).sum())


def test_coefficients_can_be_changed_in_place():
    """As in denoising, with trainable filters as well."""
    bands = wavedec(torch.randn(2, 64, 3), AdaptiveBank.from_wavelet("db2", 3), 2)
    bands[-1][:, 4:] = 0.0
    bands[1].mul_(0.5)
    sum(band.sum() for band in bands).backward()
    assert not bands[-1][:, 4:].any()
