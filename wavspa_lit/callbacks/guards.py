"""What stops a training that does not go well."""

import math
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor
from torch.optim import Optimizer

from wavspa_lit.callbacks.deferred import Deferred
from wavspa_lit.files import replacing

AHEAD = 4
"""Steps that a GPU is given before the first of them has to be done.

Batches of many lengths take it more or less time. With one step at a time it could run out of work after short batches,
because Python takes equally long for all. The batches of these steps stay in memory.
"""


class _Step(NamedTuple):
    """An optimiser step whose losses are not known yet."""

    number: int
    losses: list[tuple[Any, Tensor]]
    total: Deferred


class NaNGuard(Callback):
    """Stops when the loss is not a number, and saves the batch.

    `nan_batch.pt` in the run directory holds the batch, the step and the loss; `last.ckpt` stays as it was. Losses on a
    GPU are read four steps later, when they need not be waited for, but before anything is validated or saved.
    """

    def __init__(self) -> None:
        self._losses: list[tuple[Any, Tensor]] = []
        self._steps: deque[_Step] = deque()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets the losses of an earlier training that broke off."""
        self._losses = []
        self._steps.clear()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Keeps the batch at hand."""
        self._batch = batch

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Keeps the loss with its batch."""
        self._losses.append((self._batch, loss.detach()))

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Looks at the losses of this step, or of an earlier one if they are on a GPU.

        There are several if gradients are accumulated.
        """
        losses, self._losses = self._losses, []
        # The sum is finite only if all are. It is looked at here, because a GPU would launch several kernels to do so.
        total = losses[0][1] if len(losses) == 1 else torch.stack([loss for _, loss in losses]).sum()
        self._steps.append(_Step(trainer.global_step, losses, Deferred(total)))
        self._look(trainer, AHEAD if total.is_cuda else 0)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks at the losses of the last steps."""
        self._look(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks at the losses of the last steps."""
        self._look(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Looks at the losses of the last steps, so that no weights are saved that they have made NaN."""
        self._look(trainer)

    def _look(self, trainer: Trainer, ahead: int = 0) -> None:
        """Looks at the losses of all steps but the last `ahead`."""
        while len(self._steps) > ahead:
            step = self._steps.popleft()
            if not math.isfinite(step.total.read()):
                self._steps.clear()
                self._stop(trainer, step)

    def _stop(self, trainer: Trainer, step: _Step) -> None:
        batch, loss = next((batch, loss) for batch, loss in step.losses if not loss.isfinite())
        folder = Path(trainer.default_root_dir)
        path = folder / ("nan_batch.pt" if trainer.global_rank == 0 else f"nan_batch_rank{trainer.global_rank}.pt")
        batch = {name: tensor.cpu() for name, tensor in batch.items()}
        place = f"the batch is in {path}"
        try:
            with replacing(path, "wb") as file:
                torch.save({"batch": batch, "step": step.number, "loss": float(loss)}, file)
        except OSError as error:
            place = f"the batch cannot be saved: {error}"
        raise FloatingPointError(
            f"the loss is {float(loss)} at step {step.number}; {place}. "
            "Lower the learning rate, clip gradients (trainer.gradient_clip_val), or train in more precision"
        )


class StopEarly(EarlyStopping):
    """Stops when a metric no longer improves, but not before `min_steps`.

    Long-range tasks can stay at chance for a long time before the loss falls.

    Args:
        monitor: Metric to watch.
        mode: Whether more is better (max) or less (min).
        patience: Validations without improvement after which the training stops.
        min_delta: Least change that counts as an improvement.
        min_steps: Optimiser steps before which it does not stop.
    """

    def __init__(
        self,
        monitor: str = "val/acc",
        mode: str = "max",
        patience: int = 10,
        min_delta: float = 0.0,
        min_steps: int = 0,
    ) -> None:
        super().__init__(monitor=monitor, mode=mode, patience=patience, min_delta=min_delta)
        self.min_steps = min_steps

    def _run_early_stopping_check(self, trainer: Trainer) -> None:
        if trainer.global_step < self.min_steps:
            return
        if self.monitor not in trainer.callback_metrics and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            known = ", ".join(sorted(trainer.callback_metrics))
            raise MisconfigurationException(f"StopEarly.monitor={self.monitor}: no such metric; logged are {known}")
        super()._run_early_stopping_check(trainer)
