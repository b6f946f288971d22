"""What every space promises: invertible bands, of known lengths, that do not depend on padding."""

import pytest
import torch

from wavspa_lit.spaces import Band, FourierSpace, TokenSpace, WaveletSpace, concatenate
from wavspa_lit.wavelets import WaveletConfig

SPACES = {
    "token": TokenSpace,
    "fourier": FourierSpace,
    "wavelet": lambda: WaveletSpace(WaveletConfig(name="db4", level=3), 6),
    "symmetric": lambda: WaveletSpace(WaveletConfig("fixed", "bior2.4", level=2, mode="symmetric"), 6),
    "packets": lambda: WaveletSpace(WaveletConfig(name="db2", level=2, packets=True), 6),
    "lifting": lambda: WaveletSpace(WaveletConfig("lifting", level=2), 6),
}
pytestmark = pytest.mark.filterwarnings("ignore:level=")


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("masked", [True, False])
def test_a_space_inverts_and_knows_the_lengths_of_its_bands(name, masked):
    space, x = SPACES[name](), torch.randn(3, 37, 6)
    mask = torch.arange(37) < torch.tensor([37, 20, 5])[:, None] if masked else None
    bands = space.analyse(x, mask)
    assert len(bands) == len(space.strides) == len(space.band_names)
    assert [band.x.shape[1] for band in bands] == space.lengths(37)
    back = space.synthesise([band.x for band in bands], 37, mask)
    torch.testing.assert_close(back[mask], x[mask]) if masked else torch.testing.assert_close(back, x)


@pytest.mark.parametrize("name", SPACES)
def test_bands_of_a_padded_row_are_those_of_the_row_alone(name):
    space, x = SPACES[name](), torch.randn(2, 37, 6)
    padded = space.analyse(x, torch.arange(37) < torch.tensor([37, 20])[:, None])
    for band, alone in zip(padded, space.analyse(x[1:, :20], None), strict=True):
        count = alone.x.shape[1]
        assert band.mask[1].tolist() == [True] * count + [False] * (band.mask.shape[1] - count)
        torch.testing.assert_close(band.x[1, :count], alone.x[0], atol=1e-5, rtol=1e-5)


def test_bands_are_joined_with_the_valid_entries_first():
    masks = torch.tensor([[True, False, False]]), torch.tensor([[True, True, False]])
    bands = [
        Band(torch.tensor([[[start], [start + 1], [start + 2]]]), m) for start, m in zip((1, 4), masks, strict=True)
    ]
    joint, order = concatenate(bands)
    assert joint.x[0, :, 0].tolist() == [1, 4, 5, 2, 3, 6]
    assert joint.mask[0].tolist() == [True] * 3 + [False] * 3 and order[0].tolist() == [0, 3, 4, 1, 2, 5]
    assert concatenate([band._replace(mask=None) for band in bands])[1] is None
