"""results.json: what a run cost and what it reached."""

import datetime
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn

from wavspa_lit.files import unwritable
from wavspa_lit.private import count_steps_that_were_taken
from wavspa_lit.reporting.runs import write_results


class Results(Callback):
    """Writes the numbers of fit, validate and test into `results.json` of the run directory.

    The seconds of an interrupted training are carried over when it resumes.

    Args:
        changed: Settings in which an evaluation differs from the training, as a text; empty if there are none.
    """

    def __init__(self, changed: str = "") -> None:
        self._changed = changed
        self._started = 0.0
        self._seconds_before = 0.0
        self._parameters = 0
        self._trained = self._starting = False
        self._batches: int | None = None

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
        self._started, self._trained = time.perf_counter(), False
        where = os.path.relpath(trainer.default_root_dir)
        writes = not trainer.fast_dev_run  # type: ignore[attr-defined]
        place = f"; checkpoints, curves and results: {where}" if writes else ""
        rank_zero_info(f"{type(pl_module).__name__} with {self._parameters:,} parameters{place}")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remembers that something is trained: Lightning leaves this hook out if the last step is done already."""
        self._trained = self._starting = True

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Lets curves go on at the checkpoint's step; before the first batch Lightning changes the number itself."""
        if self._starting:
            self._starting = False
            count_steps_that_were_taken(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes steps, epochs, seconds and parameters of the training; says so if there was nothing to train."""
        if not self._trained:
            epochs = f"epoch {trainer.current_epoch}; raise --trainer.max_epochs"
            steps = f"step {trainer.global_step}; raise --trainer.max_steps"
            by_steps = -1 < trainer.max_steps <= trainer.global_step
            rank_zero_info(f"nothing to train: already at {steps if by_steps else epochs}")
            return
        self._write(
            trainer,
            "fit",
            steps=trainer.global_step,
            epochs=trainer.current_epoch,
            seconds=round(self._seconds(), 2),
            peak_memory_mib=round(_peak_memory()),
        )
        best = next((each for each in trainer.checkpoint_callbacks if getattr(each, "monitor", None)), None)
        missing = best and not getattr(best, "best_model_path", "-")
        if missing and trainer.enable_validation and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            rank_zero_info(
                f"no validation in {trainer.global_step} steps, so there is no best.ckpt: last.ckpt can be tested, and "
                "--trainer.val_check_interval says how often to validate"
            )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the metrics of `wavspa validate`."""
        if trainer.state.fn == "validate":
            self._write(trainer, "validate", **self._origin(trainer))

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets loggers show the test at the step of the checkpoint."""
        loop = trainer.fit_loop.epoch_loop
        self._batches, loop._batches_that_stepped = loop._batches_that_stepped, _step_of(trainer, pl_module)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the metrics of `wavspa test`."""
        facts = {**self._origin(trainer), "step": _step_of(trainer, pl_module)}
        limit: int | float = trainer.limit_test_batches  # type: ignore[attr-defined]
        if isinstance(limit, int) or limit != 1.0:  # 1 is one batch, 1.0 is all of them
            facts["limit_test_batches"] = limit
        if values := pl_module.hparams.get("group_values"):
            facts["trained_values"] = [values[index] for index in pl_module.hparams["trained_groups"]]
        self._write(trainer, "test", **facts)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Lets a later training go on where it was."""
        if self._batches is not None:
            trainer.fit_loop.epoch_loop._batches_that_stepped, self._batches = self._batches, None

    def _origin(self, trainer: Trainer) -> dict[str, Any]:
        """The checkpoint of an evaluation, unless it is of weights in memory, and settings that are not its own."""
        facts = {"checkpoint": _below(trainer.ckpt_path, trainer.default_root_dir)} if trainer.ckpt_path else {}
        return facts | ({"changed": self._changed} if self._changed else {})

    def _write(self, trainer: Trainer, stage: str, **facts: Any) -> None:
        if trainer.fast_dev_run or not trainer.is_global_zero:  # type: ignore[attr-defined]
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        try:
            date = datetime.datetime.now().isoformat(" ", "seconds")
            results = {"parameters": self._parameters, "date": date, **facts, **metrics}
            write_results(trainer.default_root_dir, stage, results)
        except OSError as error:
            if not unwritable(error):
                raise
            rank_zero_warn(f"the results are shown but not kept: {error}; --run DIR keeps them elsewhere")


def _peak_memory() -> float:
    """The most memory that this process has held, in MiB: of its GPU, or else of the machine."""
    if torch.cuda.is_initialized():
        return torch.cuda.max_memory_reserved() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on macOS
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _step_of(trainer: Trainer, module: LightningModule) -> int:
    """The step of the weights that are tested: those of a checkpoint, or of the training that has just ended."""
    return getattr(module, "checkpoint_step", 0) if trainer.ckpt_path else trainer.global_step


def _below(path: Any, folder: str) -> str:
    """A path as it is called inside `folder`, so that it stays true when the folder is moved; absolute elsewhere."""
    file, run = Path(path).resolve(), Path(folder).resolve()
    return str(file.relative_to(run) if file.is_relative_to(run) else file)
