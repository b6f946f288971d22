"""How fast a training runs: as it is, compiled, or launched as CUDA graphs."""

import signal
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import nn

from wavspa_lit.choices import check

Speed = Literal["auto", "eager", "compile", "graphs"]

VARIANTS = 64
"""Shapes and modes for which the compiler may make code: twelve lengths, in training and in evaluation."""


def choose_speed(
    asked: Speed, *, on_gpu: bool, training: bool, few_lengths: bool, against_graphs: str = ""
) -> tuple[Speed, str]:
    """How to run, and why.

    Args:
        asked: What the user asked for.
        on_gpu: Whether a GPU does the work.
        training: Whether blocks are called often enough to be worth a compilation.
        few_lengths: Whether batches have a dozen lengths at most, since each is recorded as a graph of its own.
        against_graphs: Why the other settings rule graphs out; empty if they do not.

    Returns:
        `eager`, `compile` or `graphs`, and the reason.
    """
    check("speed", asked, get_args(Speed))
    if asked != "auto":
        return asked, "as asked for"
    if not on_gpu:
        return "eager", "there is no GPU"
    if not training:
        return "eager", "one pass over the data is not worth a compilation"
    if against_graphs:
        return "compile", f"CUDA graphs are ruled out: it {against_graphs}"
    if not few_lengths:
        return (
            "compile",
            "batches may have any length; with --data.padding bucket, where there is one, graphs are faster",
        )
    return "graphs", "batches have few lengths"


@cache
def start_compiler() -> None:
    """Starts the processes that compile where the signals that end a process group do not reach them.

    PyTorch would wait for ever for one that a cluster, or `timeout`, has ended (its pull request 189290).
    """
    from torch._inductor.async_compile import AsyncCompile  # takes long to import

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})  # processes inherit it
    try:
        AsyncCompile.warm_pool()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def compile_blocks(blocks: Iterable[nn.Module], *, graphs: bool = False, **options: Any) -> None:
    """Compiles every block on its own, when it is first called: one block's code serves all.

    Compiling the whole encoder would take the number of blocks times as long. The code serves all lengths, because
    compiling it for each would take many times as long, too.

    Args:
        blocks: Modules of one class and with the same settings; the names of their parameters stay.
        graphs: On GPUs, record the kernels of each pass through a block as a CUDA graph and launch them at once; for
            batches of few shapes, since each is recorded by itself. What a step has computed is overwritten when
            `torch.compiler.cudagraph_mark_step_begin` is called before the next one.
        **options: For `torch.compile`.
    """
    start_compiler()
    if graphs:
        options = {"mode": "reduce-overhead", **options}
        torch._inductor.config.triton.cudagraph_dynamic_shape_warn_limit = None  # the lengths are few
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VARIANTS)
    # PyTorch would cut each block in two, so that DDP can send gradients sooner. A block is small, so splitting it to
    # overlap its all-reduce gains nothing.
    torch._dynamo.config.optimize_ddp = False
    for block in blocks:
        block.compile(**options)
