import math

import numpy
import pytest
import pywt
import torch

from wavspa_lit.wavelets import (
    AdaptiveBank,
    FixedBank,
    OrthogonalBank,
    WaveletConfig,
    build_wavelet,
    lattice_angles,
    lattice_filter,
    wavedec,
    waverec,
)

ORTHOGONAL = [name for name in pywt.wavelist(kind="discrete") if pywt.Wavelet(name).orthogonal and name != "dmey"]


def relative_error(actual, expected):
    assert actual.shape == expected.shape
    return float(numpy.abs(actual.detach().numpy() - expected).max() / numpy.abs(expected).max())


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_lattice_starts_at_any_orthogonal_wavelet(name):
    bank = OrthogonalBank.from_wavelet(name)
    expected = torch.tensor(pywt.Wavelet(name).dec_lo)
    torch.testing.assert_close(bank.filters().dec_lo, expected.float(), atol=2e-6, rtol=0)


def test_any_angles_give_an_orthonormal_bank():
    angles = torch.rand(20, 200, dtype=torch.float64) * 2 * math.pi
    bank = OrthogonalBank(angles)
    assert bank.orthogonality_error() < 1e-6
    assert bank.reconstruction_error() < 1e-6
    low, total = lattice_filter(angles), angles.sum(0)
    torch.testing.assert_close(low.sum(0), math.sqrt(2) * torch.cos(total - math.pi / 4))


def test_angles_come_back():
    angles = torch.rand(7, dtype=torch.float64) * 2 * math.pi
    low = lattice_filter(angles)
    torch.testing.assert_close(lattice_filter(lattice_angles(low)), low)


@pytest.mark.parametrize("low", [torch.ones(4), torch.tensor(pywt.Wavelet("dmey").dec_lo)], ids=["ones", "dmey"])
def test_only_orthonormal_filters_have_angles(low):
    with pytest.raises(ValueError, match="not orthonormal"):
        lattice_angles(low)


def test_low_pass_constraint_keeps_a_low_pass():
    bank = OrthogonalBank.from_wavelet("db4", 3, low_pass=True)
    torch.testing.assert_close(bank.filters().dec_lo[:, 0], torch.tensor(pywt.Wavelet("db4").dec_lo), atol=1e-6, rtol=0)
    torch.nn.init.uniform_(bank.angles, 0, 6)
    low, high = bank.frequency_response(9)
    torch.testing.assert_close(low[0].abs(), torch.full((3,), math.sqrt(2)))
    assert high[0].abs().max() < 1e-5


def test_diagnostics_see_what_is_broken():
    bank = AdaptiveBank.from_wavelet("db4", 2)
    assert bank.reconstruction_error() < 1e-6
    assert bank.orthogonality_error() < 1e-6
    with torch.no_grad():
        bank.dec_lo += 0.1 * torch.randn_like(bank.dec_lo)
    x = torch.randn(4, 64, 2)
    with torch.no_grad():
        actual = (waverec(wavedec(x, bank, 1), bank, 64) - x).norm() / x.norm()
    assert 0.3 < float(actual / bank.reconstruction_error().detach()) < 3
    assert bank.orthogonality_error() > 0.01


@pytest.mark.parametrize("name", ["db4", "bior2.2", "rbio3.5"])
def test_untied_synthesis_starts_perfect_and_cancels_aliases(name):
    bank = AdaptiveBank.from_wavelet(name, 3, tied=False)
    assert bank.reconstruction_error() < 1e-6
    assert bank.penalty() < 1e-10
    with torch.no_grad():
        bank.rec_lo += 0.05 * torch.randn_like(bank.rec_lo)
    assert bank.reconstruction_error() > 1e-3
    dec_lo, dec_hi, rec_lo, rec_hi = (f[:, 0].detach().double().numpy() for f in bank.filters())
    signs = (-1.0) ** numpy.arange(len(dec_lo))
    alias = numpy.convolve(dec_lo * signs, rec_lo) + numpy.convolve(dec_hi * signs, rec_hi)
    assert numpy.abs(alias).max() < 1e-6


def test_penalty_leads_back_to_perfect_reconstruction():
    bank = AdaptiveBank.from_wavelet("db4", 4)
    with torch.no_grad():
        bank.dec_lo += 0.05 * torch.randn_like(bank.dec_lo)
    before = float(bank.reconstruction_error().detach())
    optimizer = torch.optim.Adam(bank.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        bank.penalty().backward()
        optimizer.step()
    assert float(bank.reconstruction_error().detach()) < 0.05 * before


def test_a_head_shares_its_filters():
    bank = build_wavelet(WaveletConfig(kind="orthogonal", name="db2", sharing="head"), 6, heads=2)
    torch.nn.init.uniform_(bank.angles, 0, 6)
    x = torch.randn(2, 12, 1).expand(-1, -1, 6)
    band = wavedec(x, bank, 1)[1]
    for channel in (1, 2):
        torch.testing.assert_close(band[..., channel], band[..., 0])
    assert not torch.allclose(band[..., 3], band[..., 0])
    with pytest.raises(ValueError, match="5 channels cannot be shared among 2 heads"):
        build_wavelet(WaveletConfig(sharing="head"), 5, heads=2)


@pytest.mark.parametrize("name", ["bior2.2", "rbio3.5", "db3"])
def test_fixed_banks_reconstruct_and_do_not_train(name):
    bank = FixedBank.from_wavelet(name)
    assert bank.reconstruction_error() < 1e-6
    assert list(bank.parameters()) == []


@pytest.mark.parametrize("kind", [FixedBank, AdaptiveBank, OrthogonalBank])
def test_double_banks_are_as_exact_as_the_wavelet(kind):
    x = torch.randn(2, 60, 3, dtype=torch.float64)
    bank = kind.from_wavelet("db4", dtype=torch.float64)
    for band, expected in zip(wavedec(x, bank, 2), wavedec(x, "db4", 2), strict=True):
        torch.testing.assert_close(band, expected, atol=1e-12, rtol=0)
    assert {value.dtype for value in kind.from_wavelet("db4").state_dict().values()} == {torch.float32}


@pytest.mark.filterwarnings("ignore:level=")
@pytest.mark.parametrize("kind", ["adaptive", "orthogonal", "adaptive_lifting"])
def test_gradients_are_exact(kind):
    bank = build_wavelet(WaveletConfig(kind=kind, name="db2"), 2).double()
    parameters = list(bank.parameters())
    x = torch.randn(1, 7, 2, dtype=torch.float64, requires_grad=True)

    def transform(x, *parameters):
        bands = wavedec(x, bank, 2)
        return (*bands, waverec([band * band for band in bands], bank, 7))

    assert torch.autograd.gradcheck(transform, (x, *parameters))


@pytest.mark.parametrize("kind", ["fixed", "adaptive", "orthogonal", "lifting", "adaptive_lifting"])
def test_configs_build_what_they_say(kind):
    shared = build_wavelet(WaveletConfig(kind=kind, name="db2", sharing="all"), 6)
    own = build_wavelet(WaveletConfig(kind=kind, name="db2"), 6)
    count = {"fixed": 0, "adaptive": 4, "orthogonal": 2, "lifting": 0, "adaptive_lifting": 8}[kind]
    assert sum(p.numel() for p in shared.parameters()) == count
    assert sum(p.numel() for p in own.parameters()) == 6 * count
    levels = build_wavelet(WaveletConfig(kind=kind, name="db2", level=3, per_level=True), 6)
    assert sum(p.numel() for p in levels.parameters()) == 3 * 6 * count
    x = torch.randn(2, 40, 6)
    torch.testing.assert_close(waverec(wavedec(x, levels, 3), levels, 40), x, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "db200"}, "unknown wavelet 'db200'; did you mean"),
        ({"kind": "orthogonal", "name": "bior2.2"}, "not orthogonal"),
        ({"kind": "orthogonal", "name": "dmey"}, "'dmey' is only nearly orthogonal; use a db"),
        ({"kind": "orthogonl"}, r"wavelet.kind 'orthogonl': did you mean orthogonal\? Known: fixed, adaptive"),
        ({"compat": "Official"}, r"wavelet.compat 'Official': did you mean official\? Known: none, official"),
        ({"level": -1}, "wavelet.level"),
        ({"penalty": -0.1}, "wavelet.penalty"),
    ],
)
def test_bad_configs_name_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        WaveletConfig(**arguments)
