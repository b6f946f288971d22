"""Weights that are cast once a pass: the numbers of autocast, and parameters that stay what they were."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from wavspa_lit.half_weights import projections, weights_cast_once
from wavspa_lit.nn import Encoder, EncoderConfig


def encoder(**settings):
    torch.manual_seed(0)
    return Encoder(EncoderConfig(dim=16, layers=2, mlp_dim=32, dropout=0.0, **settings), vocab_size=11, max_length=48)


def passed(cast, **settings):
    """The states, and the gradients of all parameters."""
    model, tokens = encoder(**settings), torch.randint(1, 11, (4, 48))
    mask = torch.arange(48) < torch.tensor([[48], [40], [31], [5]])
    with (
        torch.autocast("cpu", torch.bfloat16, cache_enabled=False),
        weights_cast_once(model) if cast else nullcontext(),
    ):
        states = model.states(tokens, mask)
    states.float().square().mean().backward()
    return states, {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize(
    "settings,count",
    [
        ({}, 12),
        ({"space": "token", "copy_gate": True}, 8),
        ({"attention": {"kind": "nystrom", "landmarks": 4}}, 12),
        ({"bands": "shared"}, 4),  # of the attention's, which are called for each band, gradients would be added up
        ({"loops": 2, "share_layers": True}, 0),
        ({"compat": "official"}, 12),
    ],
)
def test_numbers_are_those_of_autocast(settings, count):
    assert len(projections(encoder(**settings))) == count
    (states, gradients), (expected, others) = (passed(cast, **settings) for cast in (True, False))
    assert torch.equal(states, expected) and gradients.keys() == others.keys()
    assert all(torch.equal(gradient, others[name]) for name, gradient in gradients.items())


def test_frozen_and_derived_weights_are_left_alone():
    model = encoder()
    model.blocks[0].mlp[0].weight.requires_grad_(False)
    torch.nn.utils.parametrizations.weight_norm(model.blocks[1].mlp[3])
    assert len(projections(model)) == 10


def test_parameters_stay_in_their_place_also_after_an_error():
    model = encoder()
    before = dict(model.named_parameters())
    with pytest.raises(KeyError), torch.autocast("cpu", torch.bfloat16), weights_cast_once(model):
        assert model.blocks[0].mlp[0].weight.dtype == torch.bfloat16
        raise KeyError
    assert all(parameter is before[name] for name, parameter in model.named_parameters())
    assert isinstance(model.blocks[0].mlp[0].weight, nn.Parameter)


def test_without_autocast_nothing_is_cast():
    model = encoder()
    with weights_cast_once(model):
        assert model.blocks[0].mlp[0].weight.dtype == torch.float32
