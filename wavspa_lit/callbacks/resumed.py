"""What the callbacks of a resumed training know of the training before it."""

import os
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.rank_zero import rank_zero_warn


class ResumedState(Callback):
    """Keeps best scores when a run is moved, and lets a new patience hold.

    Lightning stores the absolute paths of checkpoints, and forgets the best score if they have changed. Here
    checkpoints store paths relative to their folder, and absolute ones of older checkpoints are translated. A best
    checkpoint that is no longer there, as when the training goes on in another run directory, is forgotten in a line.
    """

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Makes the paths in the states of all `ModelCheckpoint`s relative to their folders."""
        for callback, state in _states(trainer, checkpoint, ModelCheckpoint):
            checkpoint["callbacks"][callback.state_key] = _placed(state, "")

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Puts the paths where the folders are now; says which settings and scores change."""
        for callback, state in _states(trainer, checkpoint, ModelCheckpoint):
            placed = _placed(state, callback.dirpath or "")
            missing = [path for path in placed["best_k_models"] if not Path(path).is_file()]
            if missing:
                if trainer.state.fn == TrainerFn.FITTING:
                    rank_zero_warn(
                        f"{missing[0]} is not there: its {callback.monitor} of "
                        f"{float(placed['best_model_score']):.4g} is forgotten, and the best checkpoint is chosen anew"
                    )
                placed |= {"best_k_models": {}, "best_model_score": None, "best_model_path": ""}
                placed |= {"kth_best_model_path": "", "kth_value": callback.kth_value}
            checkpoint["callbacks"][callback.state_key] = placed
        for callback, state in _states(trainer, checkpoint, EarlyStopping):
            if state["patience"] != callback.patience:
                rank_zero_warn(
                    f"resuming with a changed setting, {type(callback).__name__}.patience: {state['patience']} in the "
                    f"checkpoint, {callback.patience} now: the new value holds"
                )
                checkpoint["callbacks"][callback.state_key] = {**state, "patience": callback.patience}


def _states(trainer: Trainer, checkpoint: dict[str, Any], kind: type[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """The callbacks of a kind that have a state in the checkpoint, each with its state."""
    states = checkpoint.get("callbacks", {})
    callbacks = [callback for callback in trainer.callbacks if isinstance(callback, kind)]  # type: ignore[attr-defined]
    return [(callback, states[callback.state_key]) for callback in callbacks if callback.state_key in states]


def _placed(state: dict[str, Any], folder: str) -> dict[str, Any]:
    """The state of a `ModelCheckpoint` whose files lie in `folder`; relative paths if that is empty."""

    def place(path: str) -> str:
        if not path:
            return ""
        before = state["dirpath"]
        inside = os.path.relpath(path, before) if before and os.path.isabs(path) else path
        return os.path.join(folder, os.path.basename(path) if inside.startswith("..") else inside)

    paths = ("best_model_path", "kth_best_model_path", "last_model_path")
    best = {place(path): score for path, score in state["best_k_models"].items()}
    return {**state, "dirpath": folder, "best_k_models": best, **{name: place(state[name]) for name in paths}}
