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


def compile_blocks(blocks: Iterable[nn.Module], **options: Any) -> None:
    """Compiles every block on its own, when it is first called: one block's code serves all.

    Compiling the whole encoder would take the number of blocks times as long.

    Args:
        blocks: Modules of one class and with the same settings; the names of their parameters stay.
        **options: For `torch.compile`.
    """
    start_compiler()
    # PyTorch would cut each block in two, so that DDP can send gradients sooner; blocks are short enough for that.
    torch._dynamo.config.optimize_ddp = False
    for block in blocks:
        block.compile(**options)
