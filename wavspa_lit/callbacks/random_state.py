"""Random generators in checkpoints, so that a resumed run draws the same dropout as the uninterrupted one."""

import random
from typing import Any

import numpy
import torch
from lightning import Callback, LightningModule, Trainer


class RandomState(Callback):
    """Stores the states of the Python, NumPy and torch generators; Lightning does not."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Plain data and tensors, so that checkpoints load with weights_only=True."""
        version, internal, gauss = random.getstate()
        kind, keys, *rest = numpy.random.get_state(legacy=True)
        return {
            "python": [version, list(internal), gauss],
            "numpy": [kind, keys.tolist(), *rest],  # type: ignore[union-attr]
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keeps the state until the training starts: set-up in between draws numbers, too."""
        self._loaded = state_dict

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores the generators of the checkpoint."""
        if self._loaded is None:
            return
        version, internal, gauss = self._loaded["python"]
        random.setstate((version, tuple(internal), gauss))
        kind, keys, *rest = self._loaded["numpy"]
        numpy.random.set_state((kind, numpy.array(keys, dtype=numpy.uint32), *rest))
        torch.set_rng_state(self._loaded["torch"].cpu())
        if torch.cuda.is_available() and len(self._loaded["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([state.cpu() for state in self._loaded["cuda"]])
        self._loaded = None
