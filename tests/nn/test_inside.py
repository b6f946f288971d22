"""Looking inside an encoder shows what it computes, and changes nothing."""

import math

import pytest
import torch

from wavspa_lit.attention import AttentionConfig
from wavspa_lit.nn import Encoder, EncoderConfig
from wavspa_lit.nn.inside import MOST, look_inside
from wavspa_lit.wavelets import WaveletConfig


def encoder(**settings):
    torch.manual_seed(0)
    level = WaveletConfig(level=2) if settings.get("space", "wavelet") == "wavelet" else WaveletConfig()
    return Encoder(EncoderConfig(dim=16, layers=2, mlp_dim=16, wavelet=level, **settings), vocab_size=9, max_length=600)


TOKENS = torch.randint(1, 9, (1, 40), generator=torch.Generator().manual_seed(0))


def test_weights_are_those_of_the_attention():
    model = encoder(space="token", positions="alibi").eval()
    (view, _) = look_inside(model, TOKENS)
    block = model.blocks[0]
    x = block.attention_norm(model.positions(model.embedding(TOKENS)))
    q, k, _ = (part.transpose(1, 2) for part in block.attentions[0].qkv(x).view(1, 40, 3, 4, 4).unbind(2))
    distance = (torch.arange(40)[:, None] - torch.arange(40)).abs()
    slopes = 2.0 ** (-8 * torch.arange(1, 5) / 4)
    weights = (q @ k.mT / 2 - slopes[:, None, None] * distance).softmax(-1)[0]
    torch.testing.assert_close(view.maps[0], 40 * weights.mean(0).detach())
    entropy = -(weights * weights.log()).sum(-1).mean(-1) / math.log(40)
    torch.testing.assert_close(view.entropies[0], entropy.detach())
    torch.testing.assert_close(view.rms[0], x[0].square().mean(-1).sqrt().detach())


def test_bands_are_named_and_their_energy_is_shared():
    for view in look_inside(encoder(), TOKENS):
        assert view.names == view.attended == ["approximation 2", "detail 2", "detail 1"]
        assert [len(rms) for rms in view.rms] == [10, 10, 20] and [len(m) for m in view.maps] == [10, 10, 20]
        assert float(view.energy.sum()) == pytest.approx(1)
        assert all(0 <= float(entropy.min()) <= float(entropy.max()) <= 1 for entropy in view.entropies)


@pytest.mark.parametrize(
    "settings,maps",
    [
        ({"bands": "joint"}, ["all bands"]),
        ({"bands": "shared"}, ["approximation 2", "detail 2", "detail 1"]),
        ({"space": "fourier"}, ["real", "imaginary"]),
        ({"attention": AttentionConfig("performer")}, []),
        ({"space": "fnet", "attention": AttentionConfig("none")}, []),
        ({"share_layers": True, "loops": 3, "positions": "randomized"}, ["approximation 2", "detail 2", "detail 1"]),
        ({"compat": "official"}, ["approximation 2", "detail 2", "detail 1"]),
    ],
)
def test_every_encoder_can_be_looked_into(settings, maps):
    assert [view.attended for view in look_inside(encoder(**settings), TOKENS)] == [maps, maps]


def test_nothing_changes_and_long_sequences_are_pooled():
    model = encoder(positions="randomized").train()
    model.norm.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    views = look_inside(model, torch.randint(1, 9, (1, 1200), generator=torch.Generator()))
    assert torch.equal(torch.rand(3), expected)
    assert views[0].maps[2].shape == (MOST, MOST) and len(views[0].rms[2]) == 600
    torch.testing.assert_close(views[0].maps[0].mean(1), torch.ones(MOST), rtol=0.1, atol=0)
    assert model.training and model.blocks[0].training and not model.norm.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.blocks[0].attentions._forward_pre_hooks
    assert "weigh" not in vars(model.blocks[0].attentions[0])


@pytest.mark.parametrize("settings", [{}, {"space": "token", "positions": "alibi"}])
def test_views_are_in_single_precision_also_in_a_training_in_half(settings):
    with torch.autocast("cpu", torch.bfloat16):
        views = look_inside(encoder(**settings), TOKENS)
    for exact, view in zip(look_inside(encoder(**settings), TOKENS), views, strict=True):
        for kind in ("rms", "maps", "entropies"):
            for tensor, expected in zip(getattr(view, kind), getattr(exact, kind), strict=True):
                assert tensor.dtype == torch.float32
                torch.testing.assert_close(tensor, expected, rtol=0.1, atol=0.02)
