"""The processes in which `torch.compile` compiles."""

import signal
from functools import cache


@cache
def start_compiler() -> None:
    """Starts them where the signals that end a process group do not reach them.

    PyTorch would wait for ever for one that a cluster, or `timeout`, has ended (its pull request 189290).
    """
    from torch._inductor.async_compile import AsyncCompile  # takes long to import

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})  # processes inherit it
    try:
        AsyncCompile.warm_pool()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
