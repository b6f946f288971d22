"""How a task is optimised: AdamW, its schedule, clipping, and accumulated gradients."""

import math

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.optim.lr_scheduler import LambdaLR

from wavspa_lit.optim import FusedAdamW, OptimizerConfig, build_adamw


class Optimised(LightningModule):
    """A module that AdamW trains as its `optimizer_config` says."""

    optimizer_config: OptimizerConfig

    def accumulated(self) -> tuple[int, int]:
        """The number of batches of an optimiser step, and that of the last one of an epoch; 0 if it has as many."""
        if self._trainer is None or self.trainer.num_training_batches == math.inf:
            return 1, 0
        together = self.trainer.accumulate_grad_batches
        return together, int(self.trainer.num_training_batches) % together

    def on_train_start(self) -> None:
        """Says whether the last step of an epoch has fewer batches, and whether a resume changes the learning rate.

        A resumed training has another learning rate if it is longer, because schedules depend on the number of steps.
        """
        together, left = self.accumulated()
        if left:
            rank_zero_info(
                f"the last step of each epoch takes the mean of {left} batches instead of {together}, because its "
                f"{self.trainer.num_training_batches} are no multiple of --trainer.accumulate_grad_batches {together}"
            )
        scheduler = self.lr_schedulers()
        if not isinstance(scheduler, LambdaLR):
            return
        before = scheduler.get_last_lr()[0]
        now = scheduler.base_lrs[0] * scheduler.lr_lambdas[0](scheduler.last_epoch)
        if not math.isclose(before, now, rel_tol=1e-6, abs_tol=1e-12):
            rank_zero_warn(
                f"resuming with another schedule: the learning rate was to be {before:.3g} and is {now:.3g} now; "
                "its length is trainer.max_steps, unless model.optimizer.total_steps is given"
            )

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips as Lightning does, and also by the norm of gradients that FSDP has sharded, which Lightning refuses."""
        model = self.trainer.strategy.model
        norm = gradient_clip_val if gradient_clip_algorithm != "value" else None
        if isinstance(model, FullyShardedDataParallel) and norm:
            model.clip_grad_norm_(norm)
        elif isinstance(optimizer, FusedAdamW) and norm:
            optimizer.clip(norm)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW over the parameter groups, with a schedule counted in optimiser steps."""
        try:
            optimizer, scheduler = build_adamw(self, self.optimizer_config, self.trainer.estimated_stepping_batches)
        except ValueError as error:
            raise MisconfigurationException(str(error)) from None
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step", "name": "train/lr"},
        }
