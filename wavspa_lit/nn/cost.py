"""What a forward pass costs."""

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from wavspa_lit.nn.encoder import Encoder


def flop_counter() -> FlopCounterMode:
    """A counter that knows the fused attention of CPUs, too, which PyTorch's own leaves out."""

    def attention(query: torch.Size, key: torch.Size, value: torch.Size, *_: Any, **__: Any) -> int:
        return sdpa_flop_count(query, key, value)

    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return FlopCounterMode(display=False, custom_mapping={fused: attention})


def forward_flops(encoder: Encoder, length: int) -> int:
    """Operations of the matrix products and convolutions of a forward pass over one sequence.

    Counted by torch.utils.flop_counter, 2 for a multiplication and an addition, attention included.
    """
    device = next(encoder.parameters()).device
    whole_numbers = isinstance(encoder.embedding, nn.Embedding)
    tokens = torch.ones(1, length, dtype=torch.long if whole_numbers else torch.float32, device=device)
    training = encoder.training
    with flop_counter() as counter, torch.no_grad():
        encoder.eval().forward(tokens)  # not compiled, if the encoder is
    encoder.train(training)
    return counter.get_total_flops()


def saved_bytes(module: nn.Module, x: torch.Tensor) -> int:
    """Bytes that a module's forward pass on x keeps for its backward pass in training, parameters left out."""
    own = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        alive = module.train()(x)  # a freed storage could come back under the same address
    del alive
    return sum(kept.values())
