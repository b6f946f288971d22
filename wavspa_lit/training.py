"""A trainer whose runs have a directory each: the command line and Python programs use the same one."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import PassThroughProfiler

from wavspa_lit.callbacks import (
    AtomicCheckpointIO,
    Claim,
    ConfusionPicture,
    ExtrapolationCurve,
    FrontPage,
    GradientNorm,
    Health,
    LastCheckpoint,
    LearningRates,
    NaNGuard,
    PredictionTable,
    Preemption,
    Results,
    ResumedState,
    ScoreMonitor,
    StepSeeds,
    Throughput,
    WaveletMonitor,
)
from wavspa_lit.callbacks.loggers import Board
from wavspa_lit.callbacks.progress import Bar, Lines, on_terminal
from wavspa_lit.private import keep_gradients_in_buckets, leave_out_idle_hooks

_NAMES = {"enable_version_counter": False, "auto_insert_metric_name": False}
BEST = {"filename": "best", "monitor": "val/acc", "mode": "max", **_NAMES}
"""Options of the checkpoint that keeps the best validated weights; without accuracy another score, see ScoreMonitor."""
LAST = {"filename": "last", "save_on_exception": True, **_NAMES}
"""Options of the checkpoint that a training continues from."""


def build_trainer(
    run: str | Path,
    *,
    logger: Logger | Iterable[Logger] | bool | None = None,
    callbacks: Callback | Iterable[Callback] | None = None,
    checkpoints: Sequence[ModelCheckpoint] | None = None,
    plugins: Any = None,
    output: str | None = None,
    changed: str = "",
    **options: Any,
) -> Trainer:
    """Builds a trainer that keeps everything of a run below one directory, and whose trainings resume exactly.

    The directory holds `checkpoints/best.ckpt`, `checkpoints/last.ckpt`, the curves and `results.json`.
    `trainer.fit(task, data, ckpt_path="last")` begins a training, or continues it from `last.ckpt` if there is one;
    `trainer.test(task, data, ckpt_path="best")` tests its best weights.

    Args:
        run: The run directory.
        logger: Where curves are written. If None or True, TensorBoard in the run directory; if False, nowhere.
        callbacks: Callbacks beside those of this project.
        checkpoints: Replace the two checkpoints, whose options are `BEST` and `LAST`. One without a `dirpath` is kept
            in the folder `checkpoints` of the run directory.
        plugins: Plugins of Lightning beside the one that writes checkpoints.
        output: A .csv or .parquet file for predictions. If None, they go to `predictions.csv` in the run directory.
        changed: Settings in which an evaluation differs from the training, which results.json is to tell.
        **options: Further arguments of `lightning.Trainer`.

    Raises:
        ValueError: If `output` has another ending, or Lightning refuses an option.
        MisconfigurationException: If options contradict one another.
    """
    folder = Path(run).resolve()
    keeping = options.get("enable_checkpointing") is not False
    if checkpoints is None:
        checkpoints = [ModelCheckpoint(**BEST), LastCheckpoint(**LAST)]  # type: ignore[arg-type]
    for checkpoint in checkpoints:
        if checkpoint.dirpath is None:
            checkpoint.dirpath = str(folder / "checkpoints")
    if logger in (None, True):
        logger = Board(folder, name="", version="", default_hp_metric=False)
    others = as_list(callbacks)
    ours: list[Callback] = [] if logger is False else [LearningRates(logging_interval="step")]
    ours += [
        ScoreMonitor(),
        StepSeeds(),
        Preemption(),
        NaNGuard(),
        GradientNorm(),
        Health(),
        Throughput(),
        Results(changed),
        ResumedState(),
    ]
    ours += [FrontPage(), WaveletMonitor(), ExtrapolationCurve(), ConfusionPicture()]
    ours += [PredictionTable(output)]
    own_bar = any(isinstance(callback, ProgressBar) for callback in others)
    if options.get("enable_progress_bar") is not False and not own_bar:
        # To draw the bar takes Python as long as to launch a step. So on a GPU it is drawn every tenth step.
        ours.append(Bar(refresh_rate=10 if torch.cuda.is_available() else 1) if on_terminal() else Lines())
    trainer = Trainer(
        default_root_dir=folder,
        logger=logger,
        callbacks=[*([Claim()] if keeping else ()), *others, *ours, *(checkpoints if keeping else ())],
        plugins=[*as_list(plugins), AtomicCheckpointIO()],
        # Lightning's summary counts no floating point operations of attention; `Results` says how large the model is.
        **{"enable_model_summary": False, **options, "profiler": options.get("profiler") or Unprofiled()},
    )
    keep_gradients_in_buckets(trainer)
    leave_out_idle_hooks(trainer)
    return trainer


class Unprofiled(PassThroughProfiler):
    """Measures nothing, as Lightning's default does, without a context of its own for each hook of each callback."""

    _nothing = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        """What surrounds each call of a hook."""
        return self._nothing


def as_list(value: Any) -> list[Any]:
    """What an option that takes one or several holds, as a list; an empty one for None."""
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
