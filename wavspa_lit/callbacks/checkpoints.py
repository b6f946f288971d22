"""The checkpoint that a run continues from, and how checkpoints are written and read."""

import copy
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from wavspa_lit.files import replacing
from wavspa_lit.private import loops_state, put_loaders_where_the_checkpoint_was


class LastCheckpoint(ModelCheckpoint):
    """Keeps `last.ckpt` at the latest validation, and also at the step at which a training stops between two.

    It does not matter what stops it: the last step, a signal, or an exception. What is saved then is the state after
    the last complete optimiser step. Batches that were drawn since then are drawn again after a resume.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._loops: dict[str, Any] | None = None
        self._step = -1

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts the loader where the checkpoint was taken.

        Lightning does so when it sets the loaders up, which is too early if a schedule has asked for their length.
        """
        super().on_train_start(trainer, pl_module)
        put_loaders_where_the_checkpoint_was(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remembers how far the loops are at each optimiser step; saves at the last one.

        It is written while the epoch is under way: once Lightning has closed the epoch, a resumed run would skip its
        rest.
        """
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if trainer.global_step == self._step:
            return  # gradients are being accumulated
        self._step = trainer.global_step
        self._loops = loops = loops_state(trainer)
        loops["state_dict"] = copy.deepcopy(loops["state_dict"])  # has the loaders' states; the rest is new every time
        if (trainer.should_stop or trainer.global_step == trainer.max_steps) and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            trainer.save_checkpoint(self.path)

    @property
    def path(self) -> Path:
        """The file that is saved."""
        assert self.dirpath is not None
        return Path(self.dirpath) / f"{self.filename}{self.FILE_EXTENSION}"

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Saves the state after the last optimiser step, unless the parameters have changed since or may be broken.

        Nothing is saved either if one of several ranks may be alone with its exception, because saving takes all
        ranks. They agree on a SystemExit, and on no other exception.
        """
        complete = self._loops is not None and self._step == trainer.global_step
        alone = trainer.world_size > 1 and not isinstance(exception, SystemExit)
        broken = isinstance(exception, FloatingPointError)
        if not complete or alone or broken or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        try:
            trainer.save_checkpoint(self.path)
        finally:
            self._loops = None
        rank_zero_only(print)(f"Saved {self.path} at step {self._step}; continue with --ckpt_path or --resume")

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Writes the curves out, and makes the checkpoint one of a complete optimiser step.

        Batches whose gradients are being accumulated count as not drawn, because gradients are not saved. A validation
        that was interrupted begins anew after a resume.
        """
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.flush()
        loops = checkpoint["loops"]["fit_loop"]
        if self._loops is None or self._step != trainer.global_step:
            return
        if _drawn(loops) > _drawn(self._loops):
            checkpoint["loops"]["fit_loop"] = self._loops
        elif trainer.global_step == trainer.max_steps and _epochs(loops) > _epochs(self._loops):
            checkpoint["loops"]["fit_loop"] = self._loops  # Lightning has closed the epoch before its end
        elif trainer.interrupted and trainer.validating:
            checkpoint["loops"]["fit_loop"] = loops | _VALIDATION_BEGUN


def _drawn(loops: dict[str, Any]) -> int:
    """Batches since the start of the training."""
    return loops["epoch_loop.batch_progress"]["total"]["ready"]


def _epochs(loops: dict[str, Any]) -> int:
    """Epochs that have been closed."""
    return loops["epoch_progress"]["total"]["processed"]


# From a checkpoint of a validation's middle Lightning begins that validation anew; otherwise it leaves it out.
_NONE = {"ready": 0, "started": 0, "processed": 0, "completed": 0}
_VALIDATION_BEGUN = {
    "epoch_loop.val_loop.batch_progress": {
        "total": _NONE | {"ready": 1, "started": 1},
        "current": _NONE,
        "is_last_batch": False,
    }
}


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints under another name and renames them, and never reads anything but plain data and tensors."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Saves a checkpoint. A kill or an error at any moment leaves the old file or the new one, both whole."""
        with replacing(path, "wb") as stream:
            torch.save(checkpoint, stream)

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        """Reads a checkpoint with weights_only=True, whatever was asked for."""
        return super().load_checkpoint(path, map_location=map_location, weights_only=True)
