"""Half precision is for values; sums over long sequences need more."""

import torch
from torch import Tensor


def accumulable(x: Tensor) -> Tensor:
    """Casts to float32, unless x is float64, because sums over long sequences lose half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
