"""How far a training is: a bar on a terminal, lines in a file."""

import math
import sys
import time
from datetime import timedelta
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar, TQDMProgressBar
from lightning.pytorch.trainer.states import TrainerFn

from wavspa_lit.tasks.steps import logs


def on_terminal() -> bool:
    """Whether standard output is read by a person as it comes: on a terminal, in a notebook or an interpreter."""
    return sys.stdout.isatty() or hasattr(sys, "ps1")


class Bar(TQDMProgressBar):
    """Lightning's bar, which after a resume in the middle of an epoch knows its total, too.

    It takes the loss of the training itself, at the steps at which values are logged.
    """

    takes_loss = True
    """Tasks need not hand over the loss."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._loss: dict[str, Any] = {}

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:  # type: ignore[override]
        """What stands behind the bar."""
        return super().get_metrics(trainer, pl_module) | self._loss

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Reads the loss, if it was logged."""
        if not self._loss or logs(trainer, trainer.global_step):
            known = trainer.callback_metrics
            self._loss = {"train/loss": f"{float(known['train/loss']):.3g}"} if "train/loss" in known else {}
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # type: ignore[override]
        """Begins where the checkpoint was taken."""
        super().on_train_start(trainer, pl_module)
        done = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        total = trainer.num_training_batches
        if trainer.max_steps > 0:
            left = (trainer.max_steps - trainer.global_step) * trainer.accumulate_grad_batches
            total = min(total, done + left)
        bar = self.train_progress_bar
        bar.set_description(f"Epoch {trainer.current_epoch}", refresh=False)
        bar.initial = bar.n = done
        bar.total = total if math.isfinite(total) else None

    def on_train_epoch_start(self, trainer: Trainer, *_: Any) -> None:
        """Begins with no batch."""
        self.train_progress_bar.initial = 0  # otherwise the bar shows a negative pace for a moment
        super().on_train_epoch_start(trainer)


class Lines(ProgressBar):
    """One line whenever values are logged, and one for each validation: for logs of clusters, files and pipes.

    A line has the step and their total, loss and accuracy, or another score of the task; those of training also the
    steps a second since the line before, validations left out, and the time that is left at the mean pace so far.
    """

    takes_loss = True
    """See `Bar.takes_loss`."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = True
        self._total = math.inf

    def enable(self) -> None:
        """See `ProgressBar`."""
        self._shown = True

    def disable(self) -> None:
        """See `ProgressBar`."""
        self._shown = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clocks."""
        self._total = trainer.estimated_stepping_batches
        self._began = self._resumed = time.perf_counter()
        self._first = self._last = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Prints a line at the steps at which values are logged."""
        step = trainer.global_step
        if step == self._last or not logs(trainer, step):
            return
        now = time.perf_counter()
        facts = [f"{(step - self._last) / (now - self._resumed):.3g} steps/s"]
        if math.isfinite(self._total):
            left = (self._total - step) * (now - self._began) / (step - self._first)
            facts.append(f"{timedelta(seconds=round(left))} left")
        self._say(trainer, "train", facts)
        self._last, self._resumed = step, now

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock of the steps."""
        self._paused = time.perf_counter()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the line of the validation."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._resumed += time.perf_counter() - self._paused
            self._say(trainer, "val", [])

    def _say(self, trainer: Trainer, split: str, facts: list[str]) -> None:
        if self._shown:
            total = f" of {self._total:.0f}" if math.isfinite(self._total) else ""
            known = trainer.callback_metrics
            names = [f"{split}/{kind}" for kind in ("loss", "acc", "chance", "f1", "r2", "mae")]
            values = [f"{name} {float(known[name]):.4g}" for name in names if name in known]
            print(", ".join([f"step {trainer.global_step}{total}", *values, *facts]), flush=True)
