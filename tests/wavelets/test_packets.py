import itertools

import pytest
import pywt
import torch

from wavspa_lit.wavelets import OrthogonalBank, band_masks, wavelet_packet, wavelet_packet_inverse

pytestmark = pytest.mark.filterwarnings("ignore:level=")


@pytest.mark.parametrize("mode", ["periodization", "symmetric", "zero"])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_equals_pywt(mode, level):
    x = torch.randn(45, dtype=torch.float64)
    bands = wavelet_packet(x, "db3", level, mode, axis=-1)
    tree = pywt.WaveletPacket(x.numpy(), "db3", mode, level)
    for path, band in zip(itertools.product("ad", repeat=level), bands, strict=True):
        torch.testing.assert_close(band, torch.from_numpy(tree["".join(path)].data))


@pytest.mark.parametrize("mode", ["periodization", "reflect", "official"])
@pytest.mark.parametrize("level", [0, 1, 3])
def test_reconstruction_is_perfect_and_padding_exact(mode, level):
    bank, lengths = OrthogonalBank(torch.rand(4, 2) * 6).double(), (19, 12, 3)
    mask = torch.arange(20) < torch.tensor(lengths)[:, None]
    x = torch.randn(3, 20, 2, dtype=torch.float64)
    bands = wavelet_packet(x, bank, level, mode, mask=mask)
    valid = band_masks(mask, bank, level, mode)[0]
    back = wavelet_packet_inverse(bands, bank, 20, mode, mask=mask)
    for row, length in enumerate(lengths):
        alone = wavelet_packet(x[row : row + 1, :length], bank, level, mode)
        for band, expected in zip(bands, alone, strict=True):
            torch.testing.assert_close(band[row, valid[row]], expected[0])
        torch.testing.assert_close(back[row, :length], x[row, :length])


def test_half_a_tree_is_refused():
    with pytest.raises(ValueError, match="power of two of bands, got 3"):
        wavelet_packet_inverse([torch.randn(1, 4, 2)] * 3, "db2", 8)
