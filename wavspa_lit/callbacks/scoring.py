"""Which metric chooses the best weights, for tasks that have no accuracy to go by."""

from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_info

DEFAULT = "val/acc"
"""What checkpoints and early stopping watch unless told otherwise."""


class ScoreMonitor(Callback):
    """Lets the best checkpoint, and early stopping, watch the score of the task where they would watch accuracy.

    A regression is scored by R², several classes at once by F1, see `Task.score`. More is better in all of them.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Renames what is watched, and says so."""
        score = f"val/{getattr(pl_module, 'score', 'acc')}"
        if stage != "fit" or score == DEFAULT:
            return
        watching: list[Any] = [each for each in trainer.callbacks if getattr(each, "monitor", None) == DEFAULT]  # type: ignore[attr-defined]
        for each in watching:
            each.monitor = score
        if watching:
            names = ", ".join(type(each).__name__ for each in watching)
            rank_zero_info(f"{type(pl_module).__name__} is scored by {score}, which {names} watches")
