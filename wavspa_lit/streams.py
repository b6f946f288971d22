"""Kernels that need not wait for each other, in the CUDA graphs of `graphs`.

A kernel of a few microseconds leaves parts of a GPU idle. A graph knows which kernels wait for which, and can run the
others at the same time. It is recorded from streams of kernels, so what need not wait is put on streams of its own.
Outside of recordings everything runs in the order of the program, because Python launches kernels more slowly than a
GPU runs them.
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
"""The lane of what nobody waits for before the end."""

_lanes: dict[int, torch.cuda.Stream] | None = None
"""Streams that take part in the recording, if there is one. Autograd has threads of its own, which see it, too."""

_lane: ContextVar[int] = ContextVar("lane", default=0)
_made_aside = WeakIdKeyDictionary()


@contextmanager
def recording(graph: torch.cuda.CUDAGraph, pool: Any) -> Iterator[None]:
    """Within it, kernels are recorded in a CUDA graph.

    Args:
        graph: The graph.
        pool: Its memory.
    """
    global _lanes
    lanes: dict[int, torch.cuda.Stream] = {}
    with torch.cuda.graph(graph, pool=pool):
        _lanes = lanes
        try:
            yield
        finally:  # after an error, too, which would be hidden by that of a recording whose streams are left open
            _lanes = None
            for stream in lanes.values():
                torch.cuda.current_stream().wait_stream(stream)


def lane() -> int:
    """Which of the calls of `side_by_side` after the first the code belongs to; 0 everywhere else."""
    return _lane.get()


def side_by_side(*calls: tuple[Callable[..., Tensor], tuple[Any, ...]]) -> list[Tensor]:
    """What functions return, whose kernels need not wait for those of the others, forth and back.

    Autograd runs the backward pass of each on the stream of its forward pass.

    Args:
        *calls: Functions or modules, each with its arguments. They read no other tensors than these and parameters.
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
    """The tensors that a function makes of parameters. All wait for them, but nothing waits for its backward pass.

    An operator that is given one of them may compute its gradient `aside`, if `is_aside` says so.
    """
    if torch.compiler.is_compiling() or _lanes is None:
        return function()
    here, stream = torch.cuda.current_stream(), _forked(ASIDE)
    made: Made = _on(stream, function, ())
    here.wait_stream(stream)
    for tensor in made:
        tensor.record_stream(here)
        if tensor.grad_fn is not None:  # the gradient of a parameter itself is not used on that stream
            _made_aside[tensor] = True
    return made


def is_aside(tensor: Tensor) -> bool:
    """Whether a tensor was made aside, so that its gradients are waited for where they are needed."""
    return _lanes is not None and tensor in _made_aside


def aside(function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """What a function returns, for which only the backward pass of what was `made_aside` waits."""
    return function(*arguments) if _lanes is None else _on(_forked(ASIDE), function, arguments)


def _forked(number: int) -> torch.cuda.Stream:
    """The stream of a lane, after all that the current one has been given."""
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
    # The allocator must not give the memory of what is read here to others before it has been read.
    for tensor in (*arguments, *(function.parameters() if isinstance(function, nn.Module) else ())):
        if isinstance(tensor, Tensor):
            tensor.record_stream(stream)
    return result
