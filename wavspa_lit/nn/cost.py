"""What a forward pass costs."""

from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
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

    Counted by torch.utils.flop_counter, 2 for a multiplication and an addition, attention included. Only shapes are
    followed: nothing is computed, whatever the length.

    Raises:
        TypeError: If the encoder has an embedding of the user's own, whose inputs are not known.
    """
    embedding = encoder.embedding
    if not isinstance(embedding, nn.Embedding | nn.Linear):
        raise TypeError(f"operations are counted for token ids, scalars and features, not for {type(embedding)}")
    shape = [1, length]
    if isinstance(embedding, nn.Linear) and not encoder.scalars:
        shape.append(embedding.in_features)
    device = next(encoder.parameters()).device
    training = encoder.training
    # What compiled modules are first called with under a counter would never be compiled (PyTorch issue 190286).
    eager = torch.compiler.set_stance("force_eager")
    with eager, FakeTensorMode(allow_non_fake_inputs=True), flop_counter() as counter, torch.no_grad():
        kind = torch.long if isinstance(embedding, nn.Embedding) else torch.float32
        encoder.eval().forward(torch.ones(shape, dtype=kind, device=device))
    encoder.train(training)
    return counter.get_total_flops()


def training_cost(module: nn.Module, x: torch.Tensor) -> tuple[int, int]:
    """What a forward pass in training costs; nothing is computed, so x may be large.

    Args:
        module: Maps tensors like x.
        x: A tensor without data, of the `FakeTensorMode` that is active.

    Returns:
        Operations, counted as in `forward_flops`, and bytes that are kept for the backward pass, parameters left out.
    """
    weights = {name: x.fake_mode.from_tensor(p) for name, p in module.named_parameters()}  # type: ignore[attr-defined]
    own = {p.untyped_storage()._cdata for p in weights.values()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with flop_counter() as counter, torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        alive = functional_call(module.train(), weights, x)  # a freed storage could come back under the same number
    del alive
    return counter.get_total_flops(), sum(kept.values())
