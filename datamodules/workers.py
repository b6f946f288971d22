"""Processes that work for another one, and end when it does."""

import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

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


def start_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of processes that end with this one. They import what they run, so its module should import little."""
    return ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=end_with_parent, initargs=(os.getpid(),)
    )
