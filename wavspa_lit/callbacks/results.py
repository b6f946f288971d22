"""results.json: what a run cost and what it reached."""

import os
import time
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from wavspa_lit.reporting.runs import write_results


class Results(Callback):
    """Writes the numbers of fit, validate and test into `results.json` of the run directory.

    The seconds of an interrupted training are carried over when it resumes.
    """

    def __init__(self) -> None:
        self._started = 0.0
        self._seconds_before = 0.0
        self._parameters = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Counts the parameters while they are whole: FSDP cuts them up."""
        self._parameters = sum(p.numel() for p in pl_module.parameters())

    def state_dict(self) -> dict[str, float]:
        """Seconds of training so far."""
        return {"seconds": self._seconds()}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Carries over the seconds before the resume."""
        self._seconds_before = state_dict["seconds"]

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._started

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock; says how large the model is and where the results will be."""
        self._started = time.perf_counter()
        folder = trainer.log_dir  # a collective: every rank has to ask
        where = "" if folder is None else f"; checkpoints, curves and results: {os.path.relpath(folder)}"
        rank_zero_info(f"{type(pl_module).__name__} with {self._parameters:,} parameters{where}")

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes steps, epochs, seconds and parameters of the training."""
        self._write(
            trainer,
            "fit",
            steps=trainer.global_step,
            epochs=trainer.current_epoch,
            seconds=round(self._seconds(), 2),
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the metrics of `wavspa validate`."""
        if trainer.state.fn == "validate":
            self._write(trainer, "validate", checkpoint=str(trainer.ckpt_path))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the metrics of `wavspa test`."""
        facts: dict[str, Any] = {"checkpoint": str(trainer.ckpt_path)}
        if values := pl_module.hparams.get("group_values"):
            facts["trained_values"] = [values[index] for index in pl_module.hparams["trained_groups"]]
        self._write(trainer, "test", **facts)

    def _write(self, trainer: Trainer, stage: str, **facts: Any) -> None:
        folder = trainer.log_dir  # a collective: every rank has to ask
        if trainer.fast_dev_run or not trainer.is_global_zero or folder is None:  # type: ignore[attr-defined]
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        write_results(folder, stage, {"parameters": self._parameters, **facts, **metrics})
