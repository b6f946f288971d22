"""The inner loops as loops over the taps, which the compiler turns into one pass over the data.

Under `torch.compile` the loops run as they are. In eager mode `down`, `up` and `filter_gradients` compile them on their
own, which takes some seconds once; then a disk cache keeps the code.
"""

import warnings
from collections.abc import Callable, Iterable
from functools import cache, reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from wavspa_lit.speed import compiled_for, start_compiler


@cache
def compiler_works() -> bool:
    """Whether there is a C++ compiler that works; tries it once, and warns with the reason if it fails."""
    try:
        start_compiler()
        torch.compile(lambda x: x.sin() + 1)(torch.zeros(64))
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        warnings.warn(f"wavelets on CPUs are several times slower without a C++ compiler: {reason}", stacklevel=2)
        return False
    return True


def loop_down(x: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """`low_out[m] = sum_k low[k] x[2 m + k]` and the same for high; shapes as in `Loops`."""
    taps = low.shape[0]
    shifted = [x[:, k : x.shape[1] - taps + k + 1 : 2] for k in range(taps)]
    return _total(low[k] * shifted[k] for k in range(taps)), _total(high[k] * shifted[k] for k in range(taps))


def loop_up(low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor) -> Tensor:
    """`y[2 m + k] += low_filter[k] low[m] + high_filter[k] high[m]`; shapes as in `Loops`.

    Even and odd outputs are two ordinary convolutions with the even and odd taps.
    """
    half = low_filter.shape[0] // 2
    low, high = (pad(band, (0, 0, half - 1, half - 1)) for band in (low, high))
    count = low.shape[1] - half + 1
    phases = [
        _total(
            w[2 * j + phase] * band[:, half - 1 - j : half - 1 - j + count]
            for band, w in ((low, low_filter), (high, high_filter))
            for j in range(half)
        )
        for phase in (0, 1)
    ]
    return torch.stack(phases, dim=2).flatten(1, 2)


def loop_gradients(x: Tensor, low: Tensor, high: Tensor, taps: int) -> tuple[Tensor, Tensor]:
    """`sum over batch and m of x[2 m + k] band[m]` for both bands: (taps, channels) each."""
    count = low.shape[1]
    shifted = [x[:, k : k + 2 * count - 1 : 2] for k in range(taps)]
    return torch.stack([(s * low).sum((0, 1)) for s in shifted]), torch.stack([(s * high).sum((0, 1)) for s in shifted])


def down(x: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """`loop_down`, compiled."""
    return _run(loop_down, low.shape, x, low, high)


def up(low: Tensor, high: Tensor, low_filter: Tensor, high_filter: Tensor) -> Tensor:
    """`loop_up`, compiled."""
    return _run(loop_up, low_filter.shape, low, high, low_filter, high_filter)


def filter_gradients(x: Tensor, low: Tensor, high: Tensor, taps: int) -> tuple[Tensor, Tensor]:
    """`loop_gradients`, compiled unless its result is to be differentiated in turn."""
    if torch.is_grad_enabled():
        return loop_gradients(x, low, high, taps)
    return _run(loop_gradients, (taps, x.shape[2]), x, low, high, taps)


def _run(loop: Callable[..., Any], filters: tuple[int, ...], x: Tensor, *others: Any) -> Any:
    """Runs the compiled loop. Batch and length are variables of the compiled code, channels and taps are constants."""
    ready = []
    for argument in (x, *others):
        if isinstance(argument, Tensor):
            argument = argument.detach()
            if argument.dim() == 3:
                for axis in (0, 1):
                    torch._dynamo.maybe_mark_dynamic(argument, axis)
        ready.append(argument)
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        return compiled_for(loop, tuple(filters), x.dtype, x.device.type)(*ready)


def _total(terms: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, terms)
