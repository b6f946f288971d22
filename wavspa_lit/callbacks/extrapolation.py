"""Accuracy by length or position: over a training, and beyond what was trained."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from wavspa_lit.callbacks.loggers import Budget, log_figure, log_numbers, takes_pictures
from wavspa_lit.files import replacing
from wavspa_lit.private import logged_step
from wavspa_lit.reporting.curves import Curve, curve_of, draw_curves
from wavspa_lit.reporting.pictures import draw_history

FEW = 16
"""Groups that have a curve each; more would bury the others."""
SHARE = 0.004
"""Share of the training's time that pictures may take."""
COLUMNS = 200
"""Validations that are kept for the picture of a training; beyond that every second one is dropped."""


class ExtrapolationCurve(Callback):
    """Draws accuracy against length or position, the trained range shaded; does nothing for tasks without groups.

    In training there are two pictures, `val/by_length` with the latest accuracies and `val/by_length_over_training`
    with those of all validations, and curves `val_by_length/…` if the groups are few. Pictures are left out of
    a validation if they have taken more than `SHARE` of the time so far, but not of the last one.
    After a test there is `test/by_length`, which is `extrapolation.png` in the run directory as well. The numbers of a
    test are in results.json.
    """

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._curves: list[Curve] = []
        self._budget = Budget(SHARE)
        self._drawn = -1

    def state_dict(self) -> dict[str, Any]:
        """The accuracies of the validations so far."""
        groups, values = self._table()
        return {"steps": self._steps, "groups": groups, "accuracies": values}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """A resumed training goes on with the picture."""
        self._steps = list(state_dict["steps"])
        rows = state_dict["accuracies"].tolist()
        self._curves = [dict(zip(state_dict["groups"], row, strict=True)) for row in rows]

    def _table(self) -> tuple[list[int], Tensor]:
        groups = sorted({group for curve in self._curves for group in curve})
        rows = [[curve.get(group, torch.nan) for group in groups] for curve in self._curves]
        return groups, torch.tensor(rows).view(len(rows), len(groups))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock that pictures go by."""
        self._budget.start()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remembers the accuracies, and draws the training so far unless that has taken too long."""
        name, curve = curve_of(_metrics(trainer), "val")
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or not curve:
            return
        if len(self._steps) >= COLUMNS:
            self._steps, self._curves = self._steps[::2], self._curves[::2]
        self._steps.append(logged_step(trainer))
        self._curves.append(curve)
        if trainer.is_global_zero and len(curve) <= FEW:
            width = len(str(max(curve)))  # so that they are sorted as numbers
            numbers = {f"val_by_{name}/{value:0{width}d}": accuracy for value, accuracy in curve.items()}
            log_numbers(trainer, numbers, self._steps[-1], {})
        if not self._budget.used_up:
            self._draw(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the whole training."""
        if self._steps and self._drawn != self._steps[-1]:
            self._draw(trainer, pl_module)

    def _draw(self, trainer: Trainer, pl_module: LightningModule) -> None:
        name, _ = curve_of(_metrics(trainer), "val")
        if not (name and trainer.is_global_zero and takes_pictures(trainer)):
            return
        with self._budget.spending():
            chance, step = _metrics(trainer).get("val/chance"), self._steps[-1]
            self._drawn = step
            log_figure(
                trainer,
                f"val/by_{name}",
                draw_curves({"val": self._curves[-1:]}, name, _trained(pl_module), chance),
                step,
            )
            groups, values = self._table()
            log_figure(trainer, f"val/by_{name}_over_training", draw_history(self._steps, values, groups, name), step)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the test."""
        metrics = _metrics(trainer)
        name, curve = curve_of(metrics)
        if not curve or trainer.fast_dev_run or not trainer.is_global_zero:  # type: ignore[attr-defined]
            return
        figure = draw_curves({"test": [curve]}, name, _trained(pl_module), metrics.get("test/chance"))
        file = Path(trainer.default_root_dir) / "extrapolation.png"
        with suppress(OSError), replacing(file, "wb") as stream:  # `Results` says what cannot be written
            figure.savefig(stream, dpi=150, format="png")
        log_figure(trainer, f"test/by_{name}", figure, logged_step(trainer))


def _metrics(trainer: Trainer) -> dict[str, float]:
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def _trained(module: LightningModule) -> list[int]:
    return [module.hparams["group_values"][index] for index in module.hparams["trained_groups"]]
