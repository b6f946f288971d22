"""At which steps of a training values are logged."""

from lightning import Trainer


def logs(trainer: Trainer, steps: int) -> bool:
    """Whether values are logged after so many optimiser steps; never if `log_every_n_steps` is 0."""
    every = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return every > 0 and steps % every == 0
