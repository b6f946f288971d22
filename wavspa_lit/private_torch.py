"""What this project uses of PyTorch beyond its public interface, as far as it can do without.

PyTorch's version has no cap: a function here does nothing where a version lacks what it calls, and
`tests/test_private.py` says so. That test also lists the private names that other files need, and those files.
"""

import gc
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch


def clear_caches_of_sharded_tensors() -> None:
    """Empties PyTorch's caches that hold device meshes, which hold process groups, whose threads then end.

    https://github.com/pytorch/pytorch/blob/v2.13.0/torch/distributed/tensor/_redistribute.py
    """
    from torch.distributed.tensor import _redistribute, debug

    for module, name in ((debug, "_clear_sharding_prop_cache"), (_redistribute, "clear_redistribute_planner_cache")):
        getattr(module, name, lambda: None)()
    for each in gc.get_objects():
        if type(each) is type(lru_cache(len)) and str(each.__module__).startswith("torch.distributed."):
            each.cache_clear()


def exporting() -> bool:
    """Whether `torch.export` runs the code.

    PyTorch 2.11 says so to code that `torch.compile` traces as well, so the compiler is asked, too.

    https://github.com/pytorch/pytorch/blob/v2.11.0/torch/_dynamo/variables/torch.py#L224
    """
    return torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling()


def starter_of_compiler_processes() -> Callable[[], None]:
    """What starts the processes in which Inductor compiles; it would start them itself at the first compilation.

    https://github.com/pytorch/pytorch/blob/v2.13.0/torch/_inductor/async_compile.py
    """
    from torch._inductor import async_compile  # takes long to import

    start: Callable[[], None] = getattr(async_compile.AsyncCompile, "warm_pool", lambda: None)
    return start


def set_option(config: Any, name: str, value: Any) -> None:
    """Sets an option of the compiler, such as `mix_order_reduction` of `torch._inductor.config.triton`, if it has it.

    https://github.com/pytorch/pytorch/blob/v2.13.0/torch/_inductor/config.py
    """
    if hasattr(config, name):
        setattr(config, name, value)
