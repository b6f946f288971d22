"""Values that a GPU computes and that are looked at later."""

import torch
from torch import Tensor


class Deferred:
    """A number that is copied from a GPU in the background, because waiting for it would let the GPU run out of work.

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
        """The number. Waits until the GPU has computed it, and not for work that it was given afterwards."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._value.item()
