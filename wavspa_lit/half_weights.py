"""Weights in the precision of autocast, cast once a pass for all layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from wavspa_lit.attention.base import Attention

if TYPE_CHECKING:
    from wavspa_lit.nn import Encoder


@contextmanager
def weights_cast_once(encoder: "Encoder") -> Iterator[None]:
    """Within it, the projections of an encoder have weights in the precision of autocast, if that is on.

    A layer would cast its weights when it is called, again in the backward pass, and then their gradients: three
    kernels for each matrix, of a microsecond or two. Here one kernel casts all weights, and one all gradients. The
    numbers are the same to the bit, because both are rounded where they were.

    Args:
        encoder: The encoder, whose parameters get their gradients as always.
    """
    layers = projections(encoder)
    kind = layers[0].weight.device.type if layers else "cpu"
    if not layers or not torch.is_autocast_enabled(kind):
        yield
        return
    own = [layer.weight for layer in layers]
    try:
        for layer, weight in zip(layers, _Cast.apply(torch.get_autocast_dtype(kind), *own), strict=True):  # type: ignore[no-untyped-call]
            layer._parameters["weight"] = weight
        yield
    finally:
        for layer, parameter in zip(layers, own, strict=True):
            layer.weight = parameter


def projections(encoder: "Encoder") -> list[nn.Linear]:
    """The linear layers of the attentions and MLPs that are called once a pass and trained, with weights in float32.

    The gradients of a layer that is called several times would be added up in half precision; those of frozen weights
    would be computed in vain.
    """
    blocks = list(encoder.blocks)
    if encoder.passes > 1 or len(set(blocks)) < len(blocks):
        return []
    layers: list[nn.Module] = []
    for block in blocks:
        attentions, mlp = (getattr(block, name, None) for name in ("attentions", "mlp"))
        for attention in attentions if isinstance(attentions, nn.ModuleList) else ():
            layers += [attention.qkv, attention.output] if isinstance(attention, Attention) else []
        layers += mlp if isinstance(mlp, nn.Sequential) else ()
    return [layer for layer in layers if isinstance(layer, nn.Linear) and _trained(layer)]


def _trained(layer: nn.Linear) -> bool:
    weight = layer._parameters.get("weight")  # there is none where it is computed of others
    return weight is not None and weight.requires_grad and weight.dtype == torch.float32


class _Cast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *weights: Tensor) -> tuple[Tensor, ...]:
        return _cast(weights, dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, *_cast(gradients, torch.float32)


def _cast(tensors: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    copies = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    torch._foreach_copy_(copies, tensors)
    return tuple(copies)
