"""The checkpoint that a run continues from."""

from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


class LastCheckpoint(ModelCheckpoint):
    """Keeps `last.ckpt` at the latest validation, and also at the step at which a training stops between two.

    It is written while the epoch is under way: once Lightning has closed the epoch, a resumed run would skip its rest.
    """

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves at the last step."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        stops = trainer.should_stop or trainer.global_step == trainer.max_steps
        if stops and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            assert self.dirpath is not None
            trainer.save_checkpoint(Path(self.dirpath) / f"{self.filename}{self.FILE_EXTENSION}")
