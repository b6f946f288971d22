"""Which code runs a transform."""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from wavspa_lit.choices import check
from wavspa_lit.private_torch import exporting
from wavspa_lit.wavelets.backends.compiled import compiler_works
from wavspa_lit.wavelets.backends.triton import AVAILABLE, DTYPES, INTERPRETED

Backend = Literal["auto", "torch", "compiled", "triton"]
Way = Literal["triton", "traced", "compiled", "half_compiled", "torch_short", "torch_phases", "torch"]

SHORT = 8
"""Taps up to which the gradients of PyTorch's own convolutions are the faster ones on a CPU."""
LOOPED = 32
"""Taps up to which loops are faster than PyTorch's convolutions, because what longer loops read leaves the cache."""
LARGE = 2**20
"""Samples from which a signal on a CPU is worth a compilation."""


def choose(x: Tensor, taps: int, samples: int, backend: str) -> Way:
    """What runs the inner loops for x (batch, length, channels) with that many taps.

    Args:
        x: The signal of an analysis, or a band of a synthesis.
        taps: Length of the filters.
        samples: How many samples of each row and channel the inner loop reads.
        backend: What the user asked for, see `wavedec`.

    Raises:
        ValueError: If the backend is unknown or cannot serve x.
    """
    exported = exporting()  # an exported model is small with convolutions, and large with loops
    compiling = torch.compiler.is_compiling() and not exported
    # The compiler does not see through vmap, and a fake tensor has no data, so that there is nothing to compute fast.
    dataless = not compiling and (torch._C._are_functorch_transforms_active() or isinstance(x, FakeTensor))
    # The number of examples of an exported model may be open.
    size = 0 if exported else x.shape[0] * samples * x.shape[2]
    return choose_from(backend, x.device.type, x.dtype, taps, size, compiling=compiling, dataless=dataless)


def choose_from(
    asked: str,
    device: str,
    dtype: torch.dtype,
    taps: int,
    size: int,
    *,
    compiling: bool = False,
    dataless: bool = False,
    available: bool = AVAILABLE,
    interpreted: bool = INTERPRETED,
    compiler: Callable[[], bool] = compiler_works,
) -> Way:
    """See `choose`; this decides from facts alone.

    Args:
        asked: A `Backend`.
        device: `cuda`, `cpu` or another type of device.
        dtype: That of the signal.
        taps: Length of the filters.
        size: Numbers that the inner loop reads.
        compiling: Whether `torch.compile` is at work.
        dataless: Whether the code cannot be compiled on its own, as under `torch.func.vmap`.
        available: Whether triton is installed and can run.
        interpreted: Whether triton runs on the CPU.
        compiler: Tells whether there is a C++ compiler; it may take seconds, so it is called only if that matters.

    Returns:
        `triton`: fused kernels. `traced`: loops over the taps, for `torch.compile`. `compiled`: the same loops,
        compiled on their own. `half_compiled`: convolutions, and compiled gradients of the filters. `torch_short`:
        convolutions and PyTorch's gradients of them. `torch_phases` and `torch`: convolutions with gradients of the
        filters as matrix products, the first with a synthesis that is faster on CPUs.
    """
    check("backend", asked, get_args(Backend))
    single = dtype in DTYPES
    if asked == "triton":
        if device != "cuda" and not interpreted:
            raise ValueError(f'backend "triton" needs CUDA tensors, x is on {device}; use backend "auto"')
        if not available:
            raise ValueError('backend "triton" needs the package triton; install it or use backend "auto"')
        if not single:
            raise ValueError(f'backend "triton" computes in float32, x is {dtype}; use backend "auto"')
    if asked == "triton" or (asked == "auto" and available and device == "cuda" and single):
        return "triton"
    if compiling:
        return "traced"
    if asked == "compiled" and not dataless and not compiler():
        raise ValueError('backend "compiled" needs a C++ compiler such as g++; install it or use backend "auto"')
    worthwhile = asked == "compiled" or (asked == "auto" and device == "cpu" and size >= LARGE)
    if worthwhile and not dataless and compiler():
        return "half_compiled" if taps > LOOPED and single else "compiled"
    if device == "cpu" and taps <= SHORT:
        return "torch_short"
    # PyTorch on GPUs rounds the gradients of short filters to TF32, so they are not left to it.
    return "torch_phases" if device == "cpu" and single else "torch"
