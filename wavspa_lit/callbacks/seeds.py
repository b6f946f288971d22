"""Random numbers that do not depend on where a training was interrupted."""

import os
import random
from typing import Any

import numpy
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_warn


class StepSeeds(Callback):
    """Seeds every training step by the run's seed, the epoch, the number of the batch, and the rank.

    Dropout and everything else random in a step are then the same whether or not the training was resumed before it,
    on every rank, and whatever a validation drew in between. Nothing but the seed needs to be stored.
    """

    def __init__(self) -> None:
        self._seed: int | None = None

    def state_dict(self) -> dict[str, int]:
        """The seed of the run."""
        return {"seed": self.seed}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """A resumed training goes on with its own seed, and says so if another was given."""
        given, self._seed = self.seed, state_dict["seed"]
        if given != self._seed:
            rank_zero_warn(
                f"resuming with a changed setting, seed_everything: {self._seed} in the checkpoint, {given} now: the "
                "checkpoint's value stays"
            )

    @property
    def seed(self) -> int:
        """The seed of the run."""
        if self._seed is None:
            self._seed = int(os.environ.get("PL_GLOBAL_SEED", 0))
        return self._seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Seeds torch, on all devices, NumPy and Python."""
        entropy = [self.seed, trainer.current_epoch, batch_idx, trainer.global_rank]
        first, second, third = numpy.random.SeedSequence(entropy).generate_state(3).tolist()
        seed_torch(first << 32 | second)
        numpy.random.seed(third)
        random.seed(second << 32 | third)


def seed_torch(seed: int) -> None:
    """What `torch.manual_seed` does, without the stack traces that it takes for devices that are not in use.

    Those take half a millisecond, at every step.
    """
    if torch.accelerator.is_available() and not torch.cuda.is_initialized():
        torch.manual_seed(seed)
        return
    for generator in (torch.default_generator, *torch.cuda.default_generators):
        generator.manual_seed(seed)
