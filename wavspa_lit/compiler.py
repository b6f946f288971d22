"""How `torch.compile` is used."""

import signal
from collections.abc import Iterable
from functools import cache
from typing import Any

import torch
from torch import nn


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

    Compiling the whole encoder would take the number of blocks times as long.

    Args:
        blocks: Modules of one class and with the same settings; the names of their parameters stay.
        graphs: On GPUs, record the kernels of each pass through a block as a CUDA graph and launch them at once; for
            batches of few shapes, since each is recorded by itself. What a step has computed is overwritten when
            `torch.compiler.cudagraph_mark_step_begin` is called before the next one.
        **options: For `torch.compile`.
    """
    start_compiler()
    if graphs:
        options = {"mode": "reduce-overhead", "dynamic": False, **options}
    # PyTorch would cut each block in two, so that DDP can send gradients sooner; blocks are short enough for that.
    torch._dynamo.config.optimize_ddp = False
    for block in blocks:
        block.compile(**options)
