"""The config that a run can be trained from again."""

from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback


class SaveRunConfig(SaveConfigCallback):
    """Writes config.yaml when a training starts, and leaves it alone when a run is tested.

    The run directory, and that the training was resumed, are left out: the file then serves to train again, and to test
    the run wherever it has been moved.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """See `SaveConfigCallback.setup`."""
        if stage == "fit":
            self.config = self.config.clone()
            self.config.run, self.config.resume, self.config.ckpt_path = None, False, None
            super().setup(trainer, pl_module, stage)
