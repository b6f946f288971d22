"""Blocks become one graph for all lengths, and one more for evaluations of any size; parts of blocks likewise."""

import copy

import pytest
import torch

from wavspa_lit import Encoder, EncoderConfig
from wavspa_lit.spaces import Band, TokenSpace
from wavspa_lit.speed import compile_blocks
from wavspa_lit.wavelets import WaveletConfig


def graphs_of(lengths, parts=False, **settings):
    """How many graphs there are after a training on batches of these lengths, and after evaluations besides."""
    torch._dynamo.reset()
    graphs = []

    def counter(graph, inputs):
        graphs.append(graph)
        return graph.forward

    encoder = Encoder(EncoderConfig(dim=8, layers=2, mlp_dim=8, **settings), 10)
    compile_blocks(encoder.blocks, parts=parts, backend=counter)
    for length in lengths:
        tokens = torch.randint(10, (2, length))
        mask = torch.arange(length) < torch.tensor([length, length // 2])[:, None]
        encoder.states(tokens, mask)
    trained = len(graphs)
    with torch.no_grad():
        for examples in (2, 5, 3):
            encoder.states(torch.randint(10, (examples, 50)), torch.ones(examples, 50, dtype=torch.bool))
    return trained, len(graphs)


@pytest.mark.parametrize("space", ["token", "fourier", "fnet"])
def test_a_block_is_compiled_once_for_all_lengths(space):
    attention = {"kind": "none"} if space == "fnet" else {"heads": 2}
    lengths = (8, 40, 37, 130)  # 8 as there are channels, which stay what they are
    assert graphs_of(lengths, space=space, attention=attention) == (1, 2)


@pytest.mark.parametrize("kind,parts", [("fixed", 3), ("adaptive", 4), ("orthogonal", 4), ("lifting", 5)])
def test_parts_of_a_block_are_compiled_once_for_all_bands_and_lengths(kind, parts):
    """Norm, attention and MLP, and what makes the filters, or both directions of lifting."""
    wavelet = WaveletConfig(kind=kind, level=3, name="db2")
    found = graphs_of((80, 40, 37, 130), parts=True, wavelet=wavelet, positions="rotary")
    assert found == (parts, 2 * parts)


class Halves(TokenSpace):
    """Even and odd tokens, each through a linear map that may be compiled on its own."""

    def __init__(self, dim):
        super().__init__()
        self.strides, self.map = [2, 2], torch.nn.Linear(dim, dim)

    def lengths(self, length):
        return [(length + 1) // 2, length // 2]

    def analyse(self, x, mask):
        masks = [None, None] if mask is None else [mask[:, ::2], mask[:, 1::2]]
        return [Band(self.map(x[:, start::2]), masks[start]) for start in range(2)]

    def synthesise(self, bands, length, mask):
        return torch.stack([band[:, : length // 2] for band in bands], dim=2).flatten(1, 2)


class HalvesInParts(Halves):
    def parts(self):
        return [(self.map, "forward")]


@pytest.mark.parametrize("space,graphs", [(Halves, 1), (HalvesInParts, 4)])
def test_a_space_of_your_own_says_whether_its_blocks_are_compiled_in_parts(space, graphs):
    """Whole, or the norm, the attention, the MLP and the map that the bands share."""
    found = graphs_of(
        (80, 40, 36, 130), parts=True, space=f"{space.__module__}.{space.__name__}", attention={"heads": 2}
    )
    assert found == (graphs, 2 * graphs)


@pytest.mark.parametrize("parts", [False, True])
def test_copies_of_compiled_blocks_are_not_compiled_and_have_parameters_of_their_own(parts):
    """`describe` measures a copy; compiled code would call the original, which a recording must not have seen."""
    block = Encoder(EncoderConfig(dim=8, layers=1, mlp_dim=8), 10).eval().blocks[0]
    x, called = torch.randn(2, 16, 8), []
    expected = block(x)
    compile_blocks([block], parts=parts, backend=lambda graph, inputs: called.append(graph) or graph.forward)
    other = copy.deepcopy(block)
    torch.testing.assert_close(other(x), expected)
    for parameter in other.parameters():
        parameter.data.zero_()
    assert torch.equal(other(x), x) and not called
    torch.testing.assert_close(block(x), expected)
    assert called
