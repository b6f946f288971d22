"""Blocks of every space become one graph for all lengths, and one more for evaluations of any size."""

import pytest
import torch

from wavspa_lit import Encoder, EncoderConfig
from wavspa_lit.speed import compile_blocks


@pytest.mark.parametrize("space", ["token", "fourier", "fnet"])
def test_a_block_is_compiled_once_for_all_lengths(space):
    graphs = []

    def counter(graph, inputs):
        graphs.append(graph)
        return graph.forward

    attention = {"kind": "none"} if space == "fnet" else {"heads": 2}
    encoder = Encoder(EncoderConfig(dim=8, layers=2, mlp_dim=8, space=space, attention=attention), 10)
    compile_blocks(encoder.blocks, backend=counter)
    for length in (8, 40, 37, 130):  # 8 as there are channels, which stay what they are
        tokens = torch.randint(10, (2, length))
        mask = torch.arange(length) < torch.tensor([length, length // 2])[:, None]
        encoder.states(tokens, mask)
    assert len(graphs) == 1
    with torch.no_grad():
        for examples in (2, 5, 3):
            encoder.states(torch.randint(10, (examples, 50)), torch.ones(examples, 50, dtype=torch.bool))
    assert len(graphs) == 2
