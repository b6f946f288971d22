"""Values that a GPU computes and that are looked at later."""

import torch
from torch import Tensor


class Deferred:
    """A number that is on its way from a GPU: to read it at once would let the GPU run out of work.

    Args:
        value: A tensor of one element, on any device.
    """

    def __init__(self, value: Tensor) -> None:
        self._value = value.detach().to("cpu", non_blocking=True)
        self._arrived = None
        if value.is_cuda:
            self._arrived = torch.cuda.Event()
            self._arrived.record(torch.cuda.current_stream(value.device))

    def read(self) -> float:
        """The number; waits for what the GPU was given before it, and for nothing that came after."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._value.item()
