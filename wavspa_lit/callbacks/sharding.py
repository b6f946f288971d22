"""Parameters that FSDP has spread over the processes."""

from contextlib import AbstractContextManager, nullcontext

from lightning import Trainer
from torch.distributed.fsdp import FullyShardedDataParallel


def is_sharded(trainer: Trainer) -> bool:
    """Whether each process holds a flat piece of each parameter and of each gradient."""
    return isinstance(trainer.strategy.model, FullyShardedDataParallel)


def whole_parameters(trainer: Trainer) -> AbstractContextManager[None]:
    """Within this context every process can read the parameters whole, in their shapes; all processes must enter it."""
    model = trainer.strategy.model
    if isinstance(model, FullyShardedDataParallel):
        return FullyShardedDataParallel.summon_full_params(model, writeback=False)  # type: ignore[return-value]
    return nullcontext()
