"""Wavelet attention as a layer, and the encoder over inputs that are not tokens."""

import pytest
import torch
from torch import nn

from wavspa_lit.nn import Block, Encoder, EncoderConfig, SpaceAttention, WaveletAttention
from wavspa_lit.nn.cost import forward_flops

LENGTHS = (17, 9, 2)
pytestmark = pytest.mark.filterwarnings("ignore:.*level.*")


def padded(*channels):
    return torch.randn(len(LENGTHS), 20, *channels), torch.arange(20) < torch.tensor(LENGTHS)[:, None]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kind": "orthogonal", "attention": "linear", "bands": "joint", "positions": "rotary"},
        {"kind": "adaptive_lifting", "attention": "linformer", "max_length": 20, "rank": 4, "level": 1},
        {"kind": "fixed", "mode": "reflect", "attention": "longformer", "window": 4, "bands": "shared"},
        {"wavelet": "bior2.2", "tied": False, "positions": "alibi", "dropout": 0.1},
    ],
)
def test_the_layer_is_exact_under_padding_and_trains(settings):
    layer = WaveletAttention(8, **{"heads": 2, "wavelet": "db2", **settings}).eval()
    x, mask = padded(8)
    out = layer(x, mask)
    assert out.shape == x.shape and out.isfinite().all()
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(out[row : row + 1, :length], layer(x[row : row + 1, :length]), atol=2e-5, rtol=2e-5)
    layer.train()(x, mask)[mask].square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())


def test_the_layer_works_as_the_issue_of_its_users_would_have_it():
    layer = WaveletAttention(dim=64, heads=4, wavelet="db8", kind="adaptive", level=2, attention="softmax")
    assert layer(torch.randn(2, 32, 64), torch.ones(2, 32, dtype=torch.bool)).shape == (2, 32, 64)
    assert [name.split(".")[0] for name, _ in layer.named_children()] == ["space", "attentions"]


def test_a_block_is_built_on_the_layer():
    block = Block(EncoderConfig(dim=8, mlp_dim=8, dropout=0.0, wavelet={"name": "db2", "level": 2}))
    layer = WaveletAttention(8, wavelet="db2", level=2)
    layer.load_state_dict({name: value for name, value in block.state_dict().items() if name in layer.state_dict()})
    x, mask = padded(8)
    assert isinstance(block, SpaceAttention)
    middle = x + layer(block.attention_norm(x), mask)
    torch.testing.assert_close(block(x, mask), middle + block.mlp(block.mlp_norm(middle)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": 0}, "level must be at least 1"),
        ({"attention": "linformer"}, "give max_length, the longest input"),
        ({"heads": 3}, "dim=8 is not divisible by attention.heads=3"),
        ({"positions": "alibi", "attention": "linear"}, "positions alibi lower scores, and LinearAttention has none"),
    ],
)
def test_settings_that_do_not_fit_say_what_to_change(settings, message):
    with pytest.raises(ValueError, match=message):
        WaveletAttention(8, **settings)


SMALL = {"dim": 8, "layers": 1, "mlp_dim": 8, "wavelet": {"name": "db2"}}


@pytest.mark.parametrize(
    ("given", "channels"),
    [({"vocab_size": 0}, ()), ({"channels": 3}, (3,)), ({"embedding": nn.Identity()}, (8,))],
    ids=["scalars", "channels", "embedding"],
)
def test_encoders_take_scalars_features_and_states(given, channels):
    encoder = Encoder(SMALL, **given, cls_token=True).eval()
    x, mask = padded(*channels)
    states, valid = encoder(x, mask)
    assert states.shape == (3, 21, 8) and valid.sum(1).tolist() == [length + 1 for length in LENGTHS]
    for row, length in enumerate(LENGTHS):
        alone, _ = encoder(x[row : row + 1, :length])
        torch.testing.assert_close(states[row, : length + 1], alone[0], atol=2e-5, rtol=2e-5)
    if "embedding" not in given:
        assert forward_flops(encoder, 20) > 0


def test_an_encoder_needs_to_know_its_inputs():
    for given in ({}, {"vocab_size": 5, "channels": 3}):
        with pytest.raises(ValueError, match="give one of vocab_size, channels and embedding"):
            Encoder(EncoderConfig(), **given)
    with pytest.raises(ValueError, match="give max_length, the longest input"):
        Encoder(EncoderConfig(positions="learned"), 5)
    with pytest.raises(TypeError, match=r"not for .*Identity"):
        forward_flops(Encoder(SMALL, embedding=nn.Identity()), 5)
