"""Processes that work for another one, and end when it does."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")

INTERVAL = 0.5
"""Seconds between two looks at the parent."""


def end_with_parent(parent: int | None = None, grace: float = 0.0) -> None:
    """Ends this process when its parent has ended, however it did, because a killed process cannot tell its children.

    Args:
        parent: Process id of the parent. If None, that of now, which a child that starts slowly may have lost already.
        grace: Seconds to go on without the parent, in which work is finished that a parent does not wait for.
    """
    parent = parent or os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(INTERVAL)
        time.sleep(grace)
        os._exit(1)  # an exception would end this thread only

    threading.Thread(target=watch, name="end_with_parent", daemon=True).start()


class _Worker(SpawnProcess):
    """A process that does not run the user's script anew, which would need a guard (`if __name__ == "__main__"`).

    It starts with SIGINT blocked, and takes it only while it works, see `interruptible`.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        script, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which the process inherits
        try:
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            sys.modules["__main__"] = script


class _Workers(SpawnContext):
    Process = _Worker


class _Pool(ProcessPoolExecutor):
    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
        return super().submit(interruptible, function, *arguments, **named)


_interrupted = False


def interruptible(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Calls a function in a worker, and lets Ctrl-C interrupt it.

    Before and after the call SIGINT is blocked, because a worker that is interrupted while it sends a result leaves
    half of it in the pipe, and the process that reads it could wait for ever. A worker that was interrupted works on
    nothing else, because other calls may have been handed out to it already.

    Raises:
        KeyboardInterrupt: If the worker is interrupted, or was before.
    """
    global _interrupted
    if _interrupted:
        raise KeyboardInterrupt
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return function(*arguments, **named)
    except KeyboardInterrupt:
        _interrupted = True
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def start_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of processes that end with this one. They import what they run, so its module should import little."""
    return _Pool(workers, mp_context=_Workers(), initializer=end_with_parent, initargs=(os.getpid(),))
