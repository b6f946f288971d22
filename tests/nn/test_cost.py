import torch
from torch._dynamo.testing import CompileCounter

from wavspa_lit.nn import Encoder, EncoderConfig
from wavspa_lit.nn.cost import forward_flops


def test_counting_operations_leaves_blocks_to_be_compiled():
    torch.compiler.reset()
    encoder = Encoder(EncoderConfig(dim=16, layers=2, mlp_dim=16), vocab_size=11, max_length=64)
    eager, compiled = forward_flops(encoder, 64), CompileCounter()
    for block in encoder.blocks:
        block.compile(backend=compiled)
    assert forward_flops(encoder, 64) == eager and compiled.frame_count == 0
    encoder(torch.randint(1, 11, (2, 64)))
    assert compiled.frame_count == 1


def test_counting_operations_leaves_an_encoder_as_it_was():
    """What trained trains afterwards, and what was frozen stays so."""
    encoder = Encoder(EncoderConfig(dim=16, layers=3, mlp_dim=16), vocab_size=11, max_length=64)
    encoder.blocks[1].eval()
    before = [(module, module.training) for module in encoder.modules()]
    forward_flops(encoder, 64)
    assert [(module, module.training) for module in encoder.modules()] == before
