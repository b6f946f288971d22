"""Compiles the encoder when a training starts, and keeps the check before it out of that."""

from threading import Thread

import torch
from lightning import Callback, LightningModule, Trainer

from wavspa_lit.choices import check
from wavspa_lit.graphs import GraphedStates, as_it_was
from wavspa_lit.nn import Encoder
from wavspa_lit.optim import FusedAdamW
from wavspa_lit.speed import Speed, compile_blocks
from wavspa_lit.tasks.base import Task
from wavspa_lit.wavelets import FilterBank
from wavspa_lit.wavelets.backends.ahead import compile_kernels


class Compilation(Callback):
    """Compiles the blocks of a task's encoder, or has it launched as CUDA graphs.

    The two validation batches before a training run as Python does, so that the first step comes sooner. The blocks
    would otherwise be compiled for evaluation first, which takes as long as compiling them for training. The first
    validation compiles them. Meanwhile threads compile the kernels of the transforms.

    Args:
        speed: `compile`, or `graphs` where batches have a dozen lengths at most, because a graph is recorded for each.

    Raises:
        ValueError: If it is another speed.
    """

    def __init__(self, speed: Speed) -> None:
        check("speed", speed, ("compile", "graphs"))
        self.speed = speed
        self._kernels: list[Thread] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Compiles."""
        self.teardown(trainer, pl_module, stage)  # there was none after an exception
        encoder = getattr(pl_module, "encoder", None)
        if not isinstance(encoder, Encoder):
            return
        if stage == "fit":
            with trainer.precision_plugin.forward_context():
                self._kernels = start_kernels(encoder, trainer.strategy.root_device)
        compile_blocks(encoder.blocks, parts=self.speed == "graphs")
        if self.speed == "graphs":
            compile_blocks([encoder.norm])  # 2 % of a step's kernels
            GraphedStates(encoder, pl_module if takes_the_head(pl_module) else None)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leaves the encoder as it was: the parameters lie elsewhere in another training, and graphs would not know."""
        if isinstance(getattr(pl_module, "encoder", None), Encoder):
            as_it_was(pl_module)

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leaves compiled code unused."""
        self._wait()
        torch.compiler.set_stance("force_eager")

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compiles and uses compiled code from here on."""
        torch.compiler.set_stance("default")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Waits for the kernels where there was no check."""
        self._wait()
        for optimizer in trainer.optimizers:
            if self.speed == "graphs" and isinstance(optimizer, FusedAdamW):
                optimizer.gradients_stay()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leaves nothing behind for what else this process does."""
        torch.compiler.set_stance("default")

    def _wait(self) -> None:
        while self._kernels:
            self._kernels.pop().join()


def takes_the_head(module: LightningModule) -> bool:
    """Whether graphs hold a task's head as well: not for a large vocabulary, because each graph keeps its outputs."""
    ours = isinstance(module, Task) and type(module).forward is Task.forward  # which calls `answer`
    return ours and module.hparams["num_classes"] <= module.encoder_config.dim


def start_kernels(encoder: Encoder, device: torch.device) -> list[Thread]:
    """Starts to compile what the transforms of an encoder launch on a GPU; under autocast these are kernels for it."""
    dtype = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32
    banks = {len(bank.filters().dec_lo): bank for bank in encoder.blocks.modules() if isinstance(bank, FilterBank)}
    channels = encoder.norm.normalized_shape[0]
    return [thread for bank in banks.values() for thread in compile_kernels(bank, channels, dtype, device)]
