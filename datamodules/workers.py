"""Processes that work for another one, and end when it does."""

import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

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
    """A process that does not run the user's script anew, which would need a guard (`if __name__ == "__main__"`)."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        script, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]
        finally:
            sys.modules["__main__"] = script


class _Workers(SpawnContext):
    Process = _Worker


def start_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of processes that end with this one. They import what they run, so its module should import little."""
    return ProcessPoolExecutor(workers, mp_context=_Workers(), initializer=end_with_parent, initargs=(os.getpid(),))
