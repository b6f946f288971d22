"""The config that a run can be trained from again."""

from pathlib import Path

from jsonargparse import Namespace
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser

from wavspa_lit.callbacks.seeds import StepSeeds
from wavspa_lit.files import replacing

ONCE = ("run", "resume", "ckpt_path", "inputs", "output", "length", "other_data", "trust")
"""Options of one command, which say nothing about the run."""


class SaveRunConfig(Callback):
    """Writes config.yaml when a training starts, and leaves it alone when a run is tested.

    The file holds what the run is trained with, and nothing about where it lies, so that it serves to train again and
    to test the run wherever it has been moved. When a training is resumed, it is written once the checkpoint has been
    read, and holds what the checkpoint decided: the seed, and the optimiser's settings that cannot change. It stays as
    it is if no step is left to train.

    Args:
        parser: The parser of the command.
        config: What it has parsed.
    """

    def __init__(self, parser: LightningArgumentParser, config: Namespace) -> None:
        self.parser, self.config = parser, config.clone()
        self.resuming = bool(config.get("ckpt_path"))
        for name in ONCE:
            self.config.pop(name, None)
        if not self.config.get("init_from"):
            self.config.pop("init_from", None)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Writes the file for a new training."""
        if stage == "fit" and not self.resuming:
            self._write(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the file for a resumed training."""
        if not self.resuming or trainer.global_step >= trainer.max_steps >= 0:
            return
        settings = self.config.model.init_args.optimizer
        for name, value in pl_module.hparams["optimizer"].items():
            if name in settings:
                settings[name] = value
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, StepSeeds):
                self.config.seed_everything = callback.seed
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        if trainer.is_global_zero:
            with replacing(Path(trainer.default_root_dir) / "config.yaml") as file:
                file.write(self.parser.dump(self.config, skip_none=False))
