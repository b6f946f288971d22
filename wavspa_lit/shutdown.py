"""The end of a process that has trained together with others."""

import gc
import sys

from torch import distributed

from wavspa_lit.private_torch import clear_caches_of_sharded_tensors


def close_process_group() -> None:
    """Leaves the process group and ends the threads of gloo; without a group nothing happens.

    A thread that still runs when the interpreter ends, and wants to give memory back to it, aborts the process.
    `destroy_process_group` ends no thread: that happens when the last reference to the group goes. A caller must
    therefore hold no sharded model any more. PyTorch's own references, in its caches of sharded tensors, are dropped
    here.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return
    distributed.destroy_process_group()
    if "torch.distributed.tensor" in sys.modules:
        clear_caches_of_sharded_tensors()
    gc.collect()
