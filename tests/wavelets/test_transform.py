"""The transforms against pywt, against themselves, and against each row alone."""

import warnings

import numpy
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wavspa_lit.wavelets import (
    MODES,
    AdaptiveBank,
    AdaptiveLifting,
    LiftingScheme,
    OrthogonalBank,
    band_masks,
    max_level,
    wavedec,
    wavelet_packet,
    wavelet_packet_inverse,
    waverec,
)

PYWT_MODES = [mode for mode in MODES if mode != "official"]
WAVELETS = ["db1", "db2", "db8", "sym5", "coif2", "bior2.2", "bior3.5", "rbio1.3"]
LENGTHS = st.integers(1, 70)
LEVELS = st.integers(0, 4)

pytestmark = pytest.mark.filterwarnings("ignore:level=")


def signal(length, channels=3, batch=2, dtype=torch.float64):
    return torch.randn(batch, length, channels, dtype=dtype)


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("mode", PYWT_MODES)
def test_equals_pywt(wavelet, mode):
    for length in (1, 2, 3, 5, 8, 17, 32, 63):
        if length < 2 and "reflect" in mode:
            continue  # pywt refuses; ours repeats the sample
        for level in (1, 2, 3):
            x = signal(length)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pywt warns about depth, too
                try:
                    expected = pywt.wavedec(x.numpy(), wavelet, mode=mode, level=level, axis=1)
                except ValueError:
                    continue  # one coefficient left, which pywt does not reflect
            bands = wavedec(x, wavelet, level, mode)
            back = pywt.waverec(expected, wavelet, mode=mode, axis=1)
            # Relative to the largest value: extrapolating modes make coefficients much larger than the signal.
            for ours, theirs in zip((*bands, waverec(bands, wavelet, mode=mode)), (*expected, back), strict=True):
                assert ours.shape == theirs.shape
                assert numpy.abs(ours.numpy() - theirs).max() <= 1e-12 * max(
                    1.0, *(numpy.abs(e).max() for e in expected)
                )


@pytest.mark.parametrize("mode", PYWT_MODES)
def test_single_precision_equals_pywt(mode):
    x = signal(257, dtype=torch.float32)
    expected = pywt.wavedec(x.numpy().astype(numpy.float64), "db4", mode=mode, level=3, axis=1)
    scale = max(numpy.abs(band).max() for band in expected)
    for band, reference in zip(wavedec(x, "db4", 3, mode), expected, strict=True):
        assert numpy.abs(band.numpy() - reference).max() <= 1e-6 * scale


@pytest.mark.filterwarnings("ignore:Level value")
def test_extrapolation_does_not_multiply_rounding_errors():
    """A single sample goes on as a constant, of which deeper levels extrapolate what should be constant as well."""
    x = signal(1, dtype=torch.float32)
    expected = pywt.wavedec(x.numpy().astype(numpy.float64), "db20", mode="smooth", level=3, axis=1)
    scale = max(numpy.abs(band).max() for band in expected)
    for band, reference in zip(wavedec(x, "db20", 3, "smooth"), expected, strict=True):
        assert numpy.abs(band.numpy() - reference).max() <= 1e-6 * scale


@settings(max_examples=60, deadline=None)
@given(length=LENGTHS, level=LEVELS, mode=st.sampled_from(MODES), wavelet=st.sampled_from(WAVELETS))
def test_reconstruction_is_perfect(length, level, mode, wavelet):
    x = signal(length)
    bands = wavedec(x, wavelet, level, mode)
    torch.testing.assert_close(waverec(bands, wavelet, length, mode), x, atol=1e-8, rtol=1e-8)


@settings(max_examples=40, deadline=None)
@given(length=LENGTHS, level=LEVELS, taps=st.sampled_from([1, 2, 5, 16]))
def test_lifting_reconstruction_is_perfect(length, level, taps):
    x = signal(length)
    for scheme in (LiftingScheme(), AdaptiveLifting(taps, 3, std=0.3).double(), AdaptiveLifting(taps).double()):
        bands = wavedec(x, scheme, level)
        torch.testing.assert_close(waverec(bands, scheme, length), x)


@settings(max_examples=40, deadline=None)
@given(half=st.integers(1, 40), level=LEVELS, stages=st.integers(1, 10))
def test_orthogonal_analysis_and_synthesis_are_adjoint(half, level, stages):
    """<A x, y> = <x, S y>, and energy is kept: the periodised transform of an orthonormal bank is orthogonal."""
    length = half * 2**level
    bank = OrthogonalBank(torch.rand(stages, 3) * 6.3).double()
    x = signal(length)
    bands = wavedec(x, bank, level)
    others = [torch.randn_like(band) for band in bands]
    left = sum((a * b).sum() for a, b in zip(bands, others, strict=True))
    torch.testing.assert_close(left, (x * waverec(others, bank, length)).sum())
    torch.testing.assert_close(sum(band.square().sum() for band in bands), x.square().sum())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "bank",
    [
        "db1",
        "db4",
        "bior2.2",
        LiftingScheme(),
        AdaptiveLifting(6, 3).double(),
        OrthogonalBank(torch.rand(8, 3)).double(),
    ],
    ids=["db1", "db4", "bior2.2", "lifting", "adaptive_lifting", "orthogonal"],
)
def test_padded_rows_equal_each_row_alone(bank, mode):
    lengths, level = (23, 22, 9, 4, 1), 3
    mask = torch.arange(26) < torch.tensor(lengths)[:, None]
    x = signal(26, batch=len(lengths))
    padded = x.masked_fill(~mask[..., None], torch.nan)  # nobody may read it
    bands, masks = wavedec(padded, bank, level, mode, mask=mask), band_masks(mask, bank, level, mode)
    back = waverec(bands, bank, 26, mode, mask=mask)
    for row, length in enumerate(lengths):
        alone = wavedec(x[row : row + 1, :length], bank, level, mode)
        for band, valid, expected in zip(bands, masks, alone, strict=True):
            assert valid[row].sum() == expected.shape[1]
            torch.testing.assert_close(band[row, valid[row]], expected[0], atol=1e-10, rtol=1e-10)
            assert not band[row, ~valid[row]].any()
        torch.testing.assert_close(back[row, :length], x[row, :length], atol=1e-8, rtol=1e-8)
        assert not back[row, length:].any()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bank", ["db2", LiftingScheme(), AdaptiveLifting(4, 3)], ids=["db2", "lifting", "adaptive"])
def test_empty_rows_stay_finite(bank, mode):
    mask = torch.tensor([[True] * 5, [False] * 5])
    x = torch.randn(2, 5, 3, requires_grad=True)
    bands = wavedec(x, bank, 2, mode, mask=mask)
    back = waverec(bands, bank, 5, mode, mask=mask)
    (gradient,) = torch.autograd.grad(back.square().sum(), x)
    assert all(tensor.isfinite().all() for tensor in (*bands, back, gradient))
    assert not back[1].any()


def test_leading_axes_and_other_axes():
    x = torch.randn(2, 3, 20, 4, dtype=torch.float64)
    bands = wavedec(x, "db2", 2)
    assert bands[0].shape == (2, 3, 5, 4)
    flat = wavedec(x.flatten(0, 1), "db2", 2)
    torch.testing.assert_close(bands[1], flat[1].unflatten(0, (2, 3)))
    moved = wavedec(x.movedim(2, -1), "db2", 2, axis=-1)
    torch.testing.assert_close(moved[2].movedim(-1, 2), bands[2])
    torch.testing.assert_close(waverec(moved, "db2", 20, axis=-1), x.movedim(2, -1))
    bare = wavedec(x[0, 0, :, 0], "db2", 2, axis=-1)
    torch.testing.assert_close(bare[0], bands[0][0, 0, :, 0])


def test_one_filter_per_channel():
    low = torch.stack([torch.tensor(pywt.Wavelet(name).dec_lo) for name in ("db2", "sym2", "db2")], dim=1).double()
    low[:, 2] = -low[:, 2]
    x = signal(21)
    bands = wavedec(x, low, 2)
    for channel, sign in ((0, 1), (2, -1)):
        alone = wavedec(x[..., channel : channel + 1], sign * low[:, channel], 2)
        torch.testing.assert_close(bands[1][..., channel : channel + 1], alone[1] * 1.0)


def test_filters_by_level():
    x = signal(32)
    first, second = wavedec(x, "db2", 1), wavedec(x, ["db2", "db4"], 2)
    torch.testing.assert_close(second[2], first[1])
    torch.testing.assert_close(second[1], wavedec(first[0], "db4", 1)[1])
    assert len(wavedec(x, ["db2", "db4"])) == 3  # although three levels of db2 were useful
    with pytest.raises(ValueError, match="filters for 2 levels"):
        wavedec(x, ["db2", "db4"], 3)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_accumulates_in_single(dtype, mode):
    """Values and gradients, at the boundaries as well, are the exact ones rounded once."""
    x = signal(24, dtype=torch.float32).to(dtype)
    results = []
    for start in (x, x.float()):
        start.requires_grad_()
        bands = wavedec(start, "db8", 1, mode)
        (gradient,) = torch.autograd.grad((bands[0] + bands[1]).sum(), start)
        back = waverec([band.detach().to(dtype).to(start.dtype) for band in bands], "db8", 24, mode)
        results.append((*bands, gradient, back))
    for half, exact in zip(*results, strict=True):
        assert half.dtype == dtype
        torch.testing.assert_close(half, exact.to(dtype))


@pytest.mark.parametrize("bank", [AdaptiveBank.from_wavelet("db8", 3), AdaptiveLifting(6, 3)], ids=["bank", "lifting"])
def test_autocast_leaves_the_transforms_alone(bank):
    x = signal(64, dtype=torch.float32)
    expected = wavedec(x, bank, 2)
    with torch.autocast("cpu", torch.bfloat16):
        bands = wavedec(x, bank, 2)
        back = waverec(bands, bank, 64)
    for band, exact in zip(bands, expected, strict=True):
        assert torch.equal(band, exact)
    torch.testing.assert_close(back, x, atol=1e-5, rtol=1e-5)


def test_default_level_is_pywts():
    for length in (1, 7, 14, 15, 29, 30, 1000):
        assert max_level(length, "db8") == pywt.dwt_max_level(length, "db8")
        assert len(wavedec(signal(length), "db8")) == 1 + pywt.dwt_max_level(length, "db8")


def test_too_deep_warns_once_and_works():
    with pytest.warns(UserWarning, match="useful maximum is 1"):
        bands = wavedec(signal(8), "db2", 6)
    assert len(bands) == 7


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: wavedec(signal(8), "db2", 1, "mirror"), ValueError, "mode 'mirror': .* Known: periodization"),
        (lambda: wavedec(signal(8), "db2", -1), ValueError, "level must not be negative"),
        (lambda: wavedec(signal(8), "dbb2", 1), ValueError, "unknown wavelet 'dbb2'; did you mean"),
        (lambda: wavedec(signal(8), torch.ones(3), 1), ValueError, "even number of taps, got 3"),
        (lambda: wavedec(signal(8), torch.ones(4, 2), 1), ValueError, "filters have 2 channels, the signal has 3"),
        (lambda: wavedec(signal(8), torch.ones(4, 3, 2), 1), ValueError, "filters are \\(taps,\\) or"),
        (lambda: wavedec(signal(8), (*[torch.ones(4)] * 3, torch.ones(6)), 1), ValueError, "\\[4, 4, 4, 6\\] taps"),
        (lambda: wavedec(signal(8), AdaptiveLifting(0), 1), ValueError, "at least 1 tap"),
        (lambda: wavedec(signal(8).long(), "db2", 1), TypeError, "floating point"),
        (lambda: wavedec(signal(8).numpy(), "db2", 1), TypeError, "got ndarray; convert with torch.as_tensor"),
        (lambda: wavedec(torch.randn(8), "db2", 1), ValueError, "use axis=-1"),
        (lambda: wavedec(torch.tensor(1.0), "db2", 1, axis=-1), ValueError, "use axis=-1"),
        (lambda: wavedec(signal(0), "db2", 1), ValueError, "empty"),
        (lambda: wavedec(signal(8, 0), "db2", 1), ValueError, "empty"),
        (lambda: wavedec(signal(8), "db2", 1, mask=torch.ones(2, 7) > 0), ValueError, "mask covers 7 samples, x has 8"),
        (lambda: wavedec(signal(8), "db2", 1, mask=torch.ones(3, 8) > 0), ValueError, "expected \\(batch, length\\)"),
        (
            lambda: wavedec(signal(8), "db2", 1, mask=torch.ones(2, 8, 1) > 0),
            ValueError,
            "expected \\(batch, length\\)",
        ),
        (lambda: wavedec(signal(8), "db2", 1, mask=torch.ones(2, 8)), TypeError, "mask must be of bool"),
        (lambda: wavelet_packet(signal(8), "db2", 1, mask=torch.ones(2, 7) > 0), ValueError, "mask covers 7 samples"),
        (lambda: band_masks(torch.ones(2, 8) > 0, "db2", 1, "mirror"), ValueError, "mode 'mirror'"),
        (lambda: band_masks(torch.ones(2, 8) > 0, "db2", -1), ValueError, "level must not be negative"),
        (lambda: wavelet_packet_inverse([signal(4)] * 2, "db2", 8, "mirror"), ValueError, "mode 'mirror'"),
        (lambda: waverec([signal(4), signal(4, batch=1)], "db2"), ValueError, "do not belong together"),
        (lambda: waverec([signal(8)], "db2", 9), ValueError, "length=9 does not fit"),
        (lambda: waverec([signal(8)], "db2", -1), ValueError, "length=-1 does not fit"),
        (lambda: waverec([], "db2"), ValueError, "empty"),
        (lambda: waverec(wavedec(signal(8), "db2", 1), "db2", 30), ValueError, "length=30"),
        (lambda: wavedec(signal(8), 7, 1), TypeError, "expected a filter bank"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
