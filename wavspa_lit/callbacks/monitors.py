"""Numbers about the training itself: the size of gradients, and speed."""

import time
from types import SimpleNamespace
from typing import Any, cast

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.utilities.throughput import get_available_flops
from lightning.pytorch.callbacks import LearningRateMonitor
from torch.optim import Optimizer

from wavspa_lit.callbacks.loggers import log_numbers
from wavspa_lit.callbacks.sharding import is_sharded
from wavspa_lit.nn.cost import forward_flops
from wavspa_lit.private import logged_step
from wavspa_lit.tasks.base import Task
from wavspa_lit.tasks.steps import logs


class LearningRates(LearningRateMonitor):
    """Lightning's monitor, without copies of the rates to the GPU, which wait for all that it has to do."""

    def _extract_stats(self, trainer: Trainer, interval: str) -> dict[str, float]:
        on_cpu = SimpleNamespace(root_device=torch.device("cpu"))
        names = ("lr_scheduler_configs", "optimizers", "callback_metrics")
        known = SimpleNamespace(strategy=on_cpu, **{name: getattr(trainer, name) for name in names})
        return super()._extract_stats(cast(Trainer, known), interval)


class GradientNorm(Callback):
    """Logs `train/gradient_norm`, the norm of all gradients together before they are clipped."""

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Logs at the steps at which other values are logged."""
        if logs(trainer, trainer.global_step + 1):
            gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients).to(pl_module.device)
            if is_sharded(trainer):
                norm = trainer.strategy.reduce(norm**2, reduce_op="sum").sqrt()
            pl_module.log("train/gradient_norm", norm)


def peak_flops(device: torch.device, dtype: torch.dtype) -> int | None:
    """Operations a second that a GPU can do at most, in matrix products of that dtype; None if that is not known."""
    if device.type != "cuda":
        return None
    if "H200" in torch.cuda.get_device_name(device):  # Lightning does not know it; its chip is the H100's
        return {torch.bfloat16: 989 * 10**12, torch.float32: 67 * 10**12}[dtype]
    return get_available_flops(device, dtype)


class Throughput(Callback):
    """Logs the speed of training between two logged steps, validations left out, summed over all devices.

    `speed/sequences_per_second`, `speed/tokens_per_second` without padding, and, where the device's peak is known,
    `speed/mfu`: the operations of the matrix products, three times those of a forward pass, as a share of that peak.
    Per token they are counted at the task's greatest length, so that shorter sequences are overestimated.
    """

    def __init__(self) -> None:
        self._flops_per_token: float | None = None
        self._peak: int | None = None
        self._step = 0
        self._reset()

    def _reset(self) -> None:
        self._sequences, self._tokens, self._started = 0, 0, 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Looks up the device's peak; counts operations while the parameters are whole, which FSDP cuts up."""
        if stage != "fit":
            return
        dtype = torch.bfloat16 if "16" in str(trainer.precision) else torch.float32
        self._peak = peak_flops(trainer.strategy.root_device, dtype)
        if self._peak and isinstance(pl_module, Task):
            length = pl_module.hparams["max_length"]
            self._flops_per_token = forward_flops(pl_module.encoder, length) / length  # type: ignore[arg-type]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts at the step of the checkpoint."""
        self._reset()
        self._step = trainer.global_step

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Starts the clock."""
        if not self._started:
            self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts, and logs now and then."""
        if not isinstance(pl_module, Task):  # whose batches may be anything
            return
        mask, inputs = batch.get("mask"), batch["tokens"] if "tokens" in batch else batch["features"][..., 0]
        self._sequences += len(inputs)
        # The sum stays on its device, because reading it would wait for the GPU.
        self._tokens = self._tokens + (inputs.numel() if mask is None else mask.sum())
        accumulating = trainer.global_step == self._step
        self._step = trainer.global_step
        if accumulating or not logs(trainer, self._step):
            return
        total = float(self._tokens)
        seconds = time.perf_counter() - self._started
        rate = trainer.world_size / seconds
        values = {"speed/sequences_per_second": self._sequences * rate, "speed/tokens_per_second": total * rate}
        if self._peak and self._flops_per_token:
            values["speed/mfu"] = 3 * self._flops_per_token * total / seconds / self._peak
        # The GPU has nothing to do by now, and `pl_module.log` would take Python a millisecond for each value.
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in values.items()})
        if trainer.is_global_zero:
            log_numbers(trainer, values, logged_step(trainer), {})
        self._reset()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leaves validations out."""
        self._reset()
