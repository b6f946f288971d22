"""Kernels that need not wait for each other, in the CUDA graphs of `graphs`.

A kernel of a few microseconds leaves parts of a GPU idle. A graph knows which kernels wait for which, and can run the
others at the same time. It learns this from the streams on which kernels are recorded. So code that need not wait for
other code has a lane, which is a stream of its own. Outside of recordings there are no lanes, and everything runs in
the order of the program, because Python launches kernels more slowly than a GPU runs them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

Made = TypeVar("Made", bound=tuple[Tensor, ...])

ASIDE = 0
"""The lane of filters and their gradients. Calls of `side_by_side` have the lanes from 1 on."""

_lanes: dict[int, torch.cuda.Stream] | None = None
"""Streams that take part in the recording, if there is one. Autograd has threads of its own, which see it, too."""

_lane: ContextVar[int] = ContextVar("lane", default=0)
_made_aside = WeakIdKeyDictionary()
"""Tensors whose gradients are used on the lane `ASIDE` and nowhere else; a set, of which only the keys count."""


@contextmanager
def recording(graph: torch.cuda.CUDAGraph, pool: Any) -> Iterator[None]:
    """A context in which kernels are recorded in a CUDA graph, and lanes exist.

    At its end the graph waits for all lanes, because CUDA refuses a recording that leaves a stream open.

    Args:
        graph: The graph.
        pool: The memory that it takes.
    """
    global _lanes
    lanes: dict[int, torch.cuda.Stream] = {}
    # Other threads may use the GPU meanwhile: that of a DataLoader with workers takes pinned memory for coming batches.
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        _lanes = lanes
        try:
            yield
        finally:  # after an error, too, which would be hidden by that of a recording whose streams are left open
            _lanes = None
            for stream in lanes.values():
                torch.cuda.current_stream().wait_stream(stream)


def lane() -> int:
    """The lane of the call of `side_by_side` that the code belongs to; 0 in its first call, and outside of it."""
    return _lane.get()


def side_by_side(*calls: tuple[Callable[..., Tensor], tuple[Any, ...]]) -> list[Tensor]:
    """Calls functions, whose kernels do not wait for each other in a recording.

    Their backward passes do not wait for each other either, because autograd runs each of them on the stream of its
    forward pass.

    Args:
        *calls: Functions or modules, each with its arguments. A function may read no tensors but its arguments, and a
            module also its parameters, because the memory of others could be given away too early.

    Returns:
        The tensor that each of them returns.
    """
    if torch.compiler.is_compiling() or _lanes is None or lane():
        return [function(*arguments) for function, arguments in calls]
    here, streams = torch.cuda.current_stream(), [_forked(number) for number in range(1, len(calls))]
    results = [calls[0][0](*calls[0][1])]
    for number, (stream, call) in enumerate(zip(streams, calls[1:], strict=True), 1):
        token = _lane.set(number)
        try:
            results.append(_on(stream, *call))
        finally:
            _lane.reset(token)
    for stream, result in zip(streams, results[1:], strict=True):
        here.wait_stream(stream)
        result.record_stream(here)
    return results


def made_aside(function: Callable[[], Made]) -> Made:
    """Calls a function that makes tensors of parameters, on the lane `ASIDE`.

    Whatever is recorded next waits for the tensors. Their backward pass runs on that lane as well, and nothing but the
    gradients of the parameters waits for it. So an operator that reads one of them may compute its gradient `aside`.
    """
    if torch.compiler.is_compiling() or _lanes is None:
        return function()
    here, stream = torch.cuda.current_stream(), _forked(ASIDE)
    made: Made = _on(stream, function, ())
    here.wait_stream(stream)
    for tensor in made:
        tensor.record_stream(here)
        if tensor.grad_fn is not None:  # not a parameter itself, whose gradient is used on other streams
            _made_aside[tensor] = True
    return made


def is_aside(tensor: Tensor) -> bool:
    """Whether a tensor was `made_aside`, so that its gradient may be computed `aside`."""
    return _lanes is not None and tensor in _made_aside


def aside(function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """Calls a function on the lane `ASIDE`, without waiting for the tensor that it returns.

    The tensor must be the gradient of one for which `is_aside` is true, because autograd uses that on the same lane.
    """
    return function(*arguments) if _lanes is None else _on(_forked(ASIDE), function, arguments)


def _forked(number: int) -> torch.cuda.Stream:
    """The stream of a lane, which waits for all that has been recorded on the current stream."""
    assert _lanes is not None
    stream = _lanes[number] = _stream(torch.cuda.current_device(), number)
    stream.wait_stream(torch.cuda.current_stream())
    return stream


@cache
def _stream(device: int, number: int) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def _on(stream: torch.cuda.Stream, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    with torch.cuda.stream(stream):
        result = function(*arguments)
    # Otherwise the allocator could give the memory of these tensors to another stream before this one has read them.
    for tensor in (*arguments, *(function.parameters() if isinstance(function, nn.Module) else ())):
        if isinstance(tensor, Tensor):
            tensor.record_stream(stream)
    return result
