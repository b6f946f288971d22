"""Clipping of gradients in few calls."""

import torch
from torch import Tensor

from wavspa_lit.streams import recording

MOST = 32
"""Places of gradients that are remembered. Graphs have a dozen; others need not come back."""


def clip(gradients: list[Tensor], norm: float) -> None:
    """What `torch.nn.utils.clip_grad_norm_` does to gradients on one device, in fewer calls."""
    total = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (norm / (total + 1e-6)).clamp(max=1.0))


class RecordedClipping:
    """`clip` as a CUDA graph for each place in memory at which gradients lie.

    A hundred norms take Python most of a millisecond to launch. Gradients of encoders that are launched as graphs lie
    in the same few places, one for each length of a batch. What is at a place for the first time is clipped as always,
    because nothing may be recorded that has never run; the second time it is recorded.
    """

    def __init__(self) -> None:
        self._graphs: dict[tuple[float, ...], torch.cuda.CUDAGraph | None] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, gradients: list[Tensor], norm: float) -> None:
        """Clips gradients, all on one GPU."""
        place = (norm, *(gradient.data_ptr() for gradient in gradients))
        if place not in self._graphs:
            if len(self._graphs) < MOST:
                self._graphs[place] = None
            clip(gradients, norm)
            return
        graph = self._graphs[place]
        if graph is None:
            graph = self._graphs[place] = torch.cuda.CUDAGraph()
            with recording(graph, self._pool):
                clip(gradients, norm)
        graph.replay()
