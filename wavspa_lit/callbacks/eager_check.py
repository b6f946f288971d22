"""The check before a training, without compiled code."""

import torch
from lightning import Callback, LightningModule, Trainer


class EagerCheck(Callback):
    """Runs the two validation batches before a training as Python does, so that the first step comes sooner.

    The blocks would otherwise be compiled for evaluation first, which takes as long as compiling them for training. The
    first validation compiles them.
    """

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leaves compiled code unused."""
        torch.compiler.set_stance("force_eager")

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compiles and uses compiled code from here on."""
        torch.compiler.set_stance("default")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leaves nothing behind for what else this process does."""
        torch.compiler.set_stance("default")
