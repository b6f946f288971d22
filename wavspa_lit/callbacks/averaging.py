"""Averaged weights."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy
from lightning.pytorch.utilities.exceptions import MisconfigurationException


class EMA(EMAWeightAveraging):
    """Keeps an exponential moving average of the weights, validates and tests with it, and stores both.

    Checkpoints hold the average as `state_dict`. Sharded strategies are refused.

    Args:
        decay: Share of the average that stays at each optimiser step.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"EMA.decay must lie in [0, 1), got {decay}")
        super().__init__(decay=decay)
        self._swapped = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Copies the model.

        Raises:
            MisconfigurationException: If the strategy gives each process only a part of the parameters.
        """
        if isinstance(trainer.strategy, (FSDPStrategy, ModelParallelStrategy)):
            raise MisconfigurationException("EMA needs whole parameters: leave it out, or use --trainer.strategy ddp")
        super().setup(trainer, pl_module, stage)

    def _swap_models(self, pl_module: LightningModule) -> None:
        super()._swap_models(pl_module)
        self._swapped = not self._swapped

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Swaps back when a validation breaks off, before the last checkpoint is saved."""
        if self._swapped:
            self._swap_models(pl_module)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restores both when a training resumes; elsewhere the average is what is in `state_dict`."""
        if self._average_model is not None:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)
