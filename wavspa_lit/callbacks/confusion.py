"""Which classes are taken for which."""

from contextlib import suppress
from pathlib import Path

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from PIL import Image
from torch import Tensor

from wavspa_lit.callbacks.loggers import Budget, log_figure, takes_pictures
from wavspa_lit.private import logged_step
from wavspa_lit.reporting.pictures import draw_confusion

SHARE = 0.004
"""Share of the training's time that the pictures may take."""


class ConfusionPicture(Callback):
    """Draws the confusion matrix of tasks with `imbalance_metrics`, `val/confusion` and `test/confusion`.

    Validations leave the picture out if it has taken more than `SHARE` of the time so far, except for the last one.
    After a test it is `confusion.png` in the run directory as well.
    """

    def __init__(self) -> None:
        self._budget = Budget(SHARE)
        self._owed: int | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock that pictures go by."""
        self._budget.start()
        self._owed = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the validation unless that has taken too long."""
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or _counts(pl_module, "val") is None:
            return
        self._owed = logged_step(trainer)
        if not self._budget.used_up:
            self._draw(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the last validation if its picture was left out."""
        self._draw(trainer, pl_module)

    def _draw(self, trainer: Trainer, pl_module: LightningModule) -> None:
        step, self._owed = self._owed, None
        counts = _counts(pl_module, "val")
        if step is None or counts is None or not trainer.is_global_zero or not takes_pictures(trainer):
            return
        with self._budget.spending():
            log_figure(trainer, "val/confusion", draw_confusion(counts, _names(trainer, pl_module)), step)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the test."""
        counts = _counts(pl_module, "test")
        if counts is None or not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        picture = draw_confusion(counts, _names(trainer, pl_module))
        with suppress(OSError):  # `Results` says that the run directory cannot be written
            Image.fromarray(picture).save(Path(trainer.default_root_dir) / "confusion.png")
        log_figure(trainer, "test/confusion", picture, logged_step(trainer))


def _counts(module: LightningModule, split: str) -> Tensor | None:
    return getattr(module, "confusion", {}).get(split)


def _names(trainer: Trainer, module: LightningModule) -> tuple[str, ...]:
    return tuple(getattr(trainer.datamodule, "class_names", ()) or getattr(module, "class_names", ()))  # type: ignore[attr-defined]
