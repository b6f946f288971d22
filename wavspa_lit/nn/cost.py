"""What a forward pass costs."""

from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from wavspa_lit.nn.encoder import Encoder
from wavspa_lit.nn.inside import evaluating


def flop_counter() -> FlopCounterMode:
    """A counter of operations that includes the fused attention of CPUs, which PyTorch's own leaves out."""

    def attention(query: torch.Size, key: torch.Size, value: torch.Size, *_: Any, **__: Any) -> int:
        return sdpa_flop_count(query, key, value)

    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return FlopCounterMode(display=False, custom_mapping={fused: attention})


def forward_flops(encoder: Encoder, length: int) -> int:
    """Operations of the matrix products and convolutions of a forward pass over one sequence, attention included.

    Passes through shared layers count as often as in training. Operations are counted by torch.utils.flop_counter; a
    multiplication and an addition count 2. Only shapes are followed and nothing is computed, so that the length may be
    large.

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
    kind = torch.long if isinstance(embedding, nn.Embedding) else torch.float32
    # Compilation is off, because a compiled module whose first call is under a counter is never compiled afterwards
    # (PyTorch issue 190286).
    eager = torch.compiler.set_stance("force_eager")
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    test_loops, encoder.test_loops = encoder.test_loops, encoder.loops
    try:
        with evaluating(encoder), eager, fake, flop_counter() as counter, torch.no_grad():
            encoder.forward(torch.ones(shape, dtype=kind, device=device))
    finally:
        encoder.test_loops = test_loops
    return counter.get_total_flops()


def training_cost(module: nn.Module, x: torch.Tensor) -> tuple[int, int]:
    """What a forward pass in training costs. Nothing is computed, so that x may be large.

    Args:
        module: Maps tensors like x.
        x: A tensor without data, of the `FakeTensorMode` that is active.

    Returns:
        The number of operations, as in `forward_flops`; and the number of bytes that are kept for the backward pass,
        without the parameters.
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
        # The result is held, because a storage that is freed could come back under the same number.
        alive = functional_call(module.train(), weights, x)
    del alive
    return counter.get_total_flops(), sum(kept.values())
