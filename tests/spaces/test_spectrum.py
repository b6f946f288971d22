import pytest
import torch

from wavspa_lit.spaces import FNetSpace, FourierSpace
from wavspa_lit.spaces.spectrum import _irfft, _rfft, _row_dft, real_dft, real_dft_inverse

LENGTHS = (37, 36, 20, 7, 2, 1, 0)


def ragged(dtype=torch.float32, total=40):
    return torch.randn(len(LENGTHS), total, 3, dtype=dtype), torch.arange(total) < torch.tensor(LENGTHS)[:, None]


def test_each_row_has_the_spectrum_of_its_own_length():
    x, mask = ragged()
    spectrum = real_dft(x, mask)
    for row, length in zip(range(len(LENGTHS)), LENGTHS[:-1], strict=False):
        expected = torch.fft.rfft(x[row, :length], dim=0, norm="ortho")
        torch.testing.assert_close(spectrum[row, : len(expected)], expected, atol=1e-5, rtol=1e-5)
        assert not spectrum[row, len(expected) :].any()
    assert not spectrum[-1].any()


def test_long_rows_keep_their_precision():
    x, mask = torch.randn(2, 5000, 1), torch.arange(5000) < torch.tensor([[5000], [4999]])
    expected = torch.fft.rfft(x[1, :4999].double(), dim=0, norm="ortho")
    assert (real_dft(x, mask)[1, : len(expected)] - expected).abs().max() < 1e-5


@pytest.mark.parametrize("total", [40, 37])
@pytest.mark.parametrize("masked", [True, False])
def test_the_fourier_space_inverts(total, masked):
    x, mask = ragged(total=total)
    bands = FourierSpace().analyse(x, mask if masked else None)
    assert [band.x.shape[1] for band in bands] == FourierSpace().lengths(total)
    back = FourierSpace().synthesise([band.x for band in bands], total, mask if masked else None)
    expected = x * mask[..., None] if masked else x
    torch.testing.assert_close(back, expected, atol=1e-5, rtol=1e-5)


def test_the_inverse_takes_what_irfft_takes():
    """Also spectra that no real signal has: attention does not know that the ends must be real."""
    for length in (1, 2, 7, 8):
        spectrum = torch.randn(1, length // 2 + 1, 3, dtype=torch.complex128)
        mask = torch.ones(1, length, dtype=torch.bool)
        expected = real_dft_inverse(spectrum, length, None)
        torch.testing.assert_close(real_dft_inverse(spectrum, length, mask), expected)


def test_gradients():
    x, mask = torch.randn(3, 6, 2, dtype=torch.float64), torch.arange(6) < torch.tensor([[6], [5], [1]])
    space = FourierSpace()
    assert torch.autograd.gradcheck(lambda x: [band.x for band in space.analyse(x, mask)], x.requires_grad_())
    bands = [torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(lambda *bands: space.synthesise(list(bands), 6, mask), bands)


@pytest.mark.parametrize("length", [1, 2, 7, 8])
def test_what_compiled_code_takes_for_ffts(length):
    """The same numbers and gradients, laid out as the compiler is told; PyTorch's own opcheck."""
    x = torch.randn(2, length, 3, dtype=torch.float64, requires_grad=True)
    spectrum = torch.randn(2, length // 2 + 1, 3, dtype=torch.complex128, requires_grad=True)
    lengths = torch.tensor([length, (length + 1) // 2])
    for operator, arguments in ((_rfft, (x,)), (_irfft, (spectrum, length)), (_row_dft, (x, lengths, length, False))):
        torch.library.opcheck(operator, arguments)
        assert torch.autograd.gradcheck(operator, arguments)
    assert torch.equal(_rfft(x), torch.fft.rfft(x, dim=1, norm="ortho"))
    assert torch.equal(_irfft(spectrum, length), torch.fft.irfft(spectrum, n=length, dim=1, norm="ortho"))


def test_fnet_is_the_real_part_of_the_transform_over_length_and_channels():
    x, mask = ragged()
    space = FNetSpace()
    mixed = space.synthesise([band.x for band in space.analyse(x, mask)], 40, mask)
    for row, length in zip(range(len(LENGTHS)), LENGTHS[:-1], strict=False):
        expected = torch.fft.fft2(x[row, :length], norm="ortho").real
        torch.testing.assert_close(mixed[row, :length], expected, atol=1e-5, rtol=1e-5)
        alone = space.analyse(x[row : row + 1, :length], None)[0].x
        torch.testing.assert_close(alone[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("space", [FourierSpace(), FNetSpace()])
def test_half_precision_is_transformed_in_float32(space):
    x, mask = ragged()
    with torch.autocast("cpu", torch.bfloat16):
        bands = space.analyse(x.bfloat16(), mask)
        full = space.analyse(x.bfloat16().float(), mask)
    for band, exact in zip(bands, full, strict=True):
        assert band.x.dtype == torch.bfloat16
        torch.testing.assert_close(band.x, exact.x.bfloat16())
