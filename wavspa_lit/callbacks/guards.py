"""What stops a training that does not go well."""

from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.utilities.exceptions import MisconfigurationException


class NaNGuard(Callback):
    """Stops when the loss is not a number, before the weights are touched, and saves the batch.

    `nan_batch.pt` in the run directory holds the batch, the step and the loss; `last.ckpt` stays as it was.
    """

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor) -> None:
        """Looks at the loss."""
        if torch.isfinite(loss):
            return
        folder = Path(trainer.default_root_dir)
        path = folder / ("nan_batch.pt" if trainer.global_rank == 0 else f"nan_batch_rank{trainer.global_rank}.pt")
        folder.mkdir(parents=True, exist_ok=True)
        batch = {name: tensor.cpu() for name, tensor in self._batch.items()}
        torch.save({"batch": batch, "step": trainer.global_step, "loss": float(loss)}, path)
        raise FloatingPointError(
            f"the loss is {float(loss)} at step {trainer.global_step}; the batch is in {path}. "
            "Lower the learning rate, clip gradients (trainer.gradient_clip_val), or train in more precision"
        )

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Keeps the batch at hand."""
        self._batch = batch


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
