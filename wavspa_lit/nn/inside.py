"""What happens inside an encoder for one sequence: the bands of each block, and who attends to whom."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d

from wavspa_lit.attention.softmax import SoftmaxAttention
from wavspa_lit.nn.encoder import Encoder
from wavspa_lit.nn.layer import SpaceAttention

MOST = 256
"""Rows and columns of an attention map at most."""


@dataclass
class Inside:
    """One block, seen from inside, in its last pass if there are several. Tensors are float32, on the CPU."""

    names: list[str]
    """Names of the bands."""
    rms: list[Tensor] = field(default_factory=list)
    """For each band, the root mean square over the channels of what enters the attention, (entries,)."""
    maps: list[Tensor] = field(default_factory=list)
    """For each softmax attention, in the order of the bands, its weights as multiples of uniform ones, averaged over
    the heads: rows are queries, evenly picked, columns are keys, averaged over neighbours; `MOST` at most."""
    entropies: list[Tensor] = field(default_factory=list)
    """For each softmax attention, the mean entropy of its weights, (heads,): 0 looks at one entry, 1 at all alike."""

    @property
    def energy(self) -> Tensor:
        """The share of each band in the energy of all, (bands,)."""
        energy = torch.stack([rms.square().sum() for rms in self.rms])
        return energy / energy.sum()

    @property
    def attended(self) -> list[str]:
        """The names of `maps`: those of the bands, or one for all bands that attend jointly."""
        return self.names if len(self.maps) == len(self.names) else ["all bands"] * len(self.maps)


@torch.no_grad()
def look_inside(encoder: Encoder, inputs: Tensor) -> list[Inside]:
    """Encodes one sequence as in evaluation, and keeps what passes through the blocks.

    Nothing of the encoder changes, no random number is drawn, and compiled blocks run uncompiled. Of a mechanism other
    than softmax there are no maps and entropies. A map costs as much as `MOST` queries.

    Args:
        encoder: The encoder.
        inputs: As for `Encoder.forward`, a batch of one sequence without padding.

    Returns:
        One `Inside` for each block.
    """
    blocks = [block for block in encoder.blocks if isinstance(block, SpaceAttention)]
    views = [Inside(block.space.band_names) for block in blocks]
    with ExitStack() as stack:
        stack.enter_context(evaluating(encoder))
        for block, view in zip(blocks, views, strict=True):
            # Removed below, so that no trained or compiled pass ever sees a hook.
            stack.callback(block.attentions.register_forward_pre_hook(_keep_bands(view)).remove)
            for module in block.modules():
                if isinstance(module, SoftmaxAttention):
                    stack.enter_context(_replaced(module, "weigh", _keep_weights(view, module.weigh)))
                elif getattr(module, "flex", False):  # compiles a kernel of its own, or holds all scores
                    stack.enter_context(_replaced(module, "flex", False))
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        encoder(inputs)
    return views


@contextmanager
def evaluating(encoder: nn.Module) -> Iterator[None]:
    """Within it a module evaluates; then each module in it trains again or not, as it did."""
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _replaced(module: nn.Module, name: str, value: Any) -> Iterator[None]:
    """Within it, an attribute of the module is another one."""
    own = module.__dict__.get(name)
    setattr(module, name, value)
    try:
        yield
    finally:
        delattr(module, name) if own is None else setattr(module, name, own)


def _keep_bands(view: Inside) -> Callable[..., None]:
    def keep(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        view.rms = [band.x[0].float().square().mean(-1).sqrt().cpu() for band in arguments[0]]
        view.maps, view.entropies = [], []  # of an earlier pass through the same block

    return keep


def _keep_weights(view: Inside, weigh: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def keep(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
        length = k.shape[-2]
        rows = torch.linspace(0, length - 1, min(length, MOST), device=q.device).round().long()
        with torch.autocast(q.device.type, enabled=False):
            scores = q[0, :, rows].float() @ k[0].float().transpose(-1, -2) / math.sqrt(q.shape[-1])
            if bias is not None:
                seen = bias.expand(*q.shape[:-1], length)[0][:, rows]
                scores = scores.masked_fill(~seen, -torch.inf) if seen.dtype == torch.bool else scores + seen
            weights = scores.softmax(-1)
            entropy = torch.special.entr(weights).sum(-1).mean(-1) / (math.log(length) or 1.0)
            view.entropies.append(entropy.cpu())
            view.maps.append((adaptive_avg_pool1d(weights.mean(0), len(rows)) * length).cpu())
        return weigh(q, k, v, bias)

    return keep
