"""What a run is: its settings, model, command and versions, and the order in which its curves are read."""

import math
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning
import torch
import yaml
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard.summary import hparams

from wavspa_lit import __version__
from wavspa_lit.callbacks.extrapolation import FEW
from wavspa_lit.callbacks.loggers import log_numbers, tag_in
from wavspa_lit.callbacks.sharding import is_sharded
from wavspa_lit.packaged import HERE
from wavspa_lit.private import logged_step
from wavspa_lit.reporting.describe import describe
from wavspa_lit.reporting.settings import TELLING, changed
from wavspa_lit.tasks.base import Task

METRICS = ("val/{}_best", "val/{}", "val/loss", "test/{}")
"""Columns of the tab HParams beside the settings; `{}` is the score of the task, `acc` for most."""
COLUMNS = 100
"""Letters of a line of the command in the tab Text."""


class FrontPage(Callback):
    """Tells loggers what is trained, and keeps the curve `val/acc_best`, or that of another score of the task.

    TensorBoard gets the settings that differ from the defaults beside the best metrics (HParams); config, model,
    command, versions and git revision (Text); and charts in the order in which one reads them (Custom Scalars). Other
    loggers get the settings.
    """

    def __init__(self) -> None:
        self._best, self._resumed = -math.inf, False
        self._begins: int | None = None

    def state_dict(self) -> dict[str, float]:
        """The best score so far."""
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """A resumed training goes on from its own best."""
        self._best = state_dict["best"]

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remembers that the curves in the folder are those of this training."""
        self._resumed = True

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tells TensorBoard that a new training begins here.

        The folder may hold the curves of one that was killed before its first checkpoint. TensorBoard and `Events` drop
        them, because they would go on where the new ones end.
        """
        if self._resumed or trainer.global_step or not trainer.is_global_zero:
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.file_writer.add_event(Event(session_log=SessionLog(status=SessionLog.START), step=0))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remembers where the training begins."""
        self._begins = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Writes the page after the first batch, so that the batch need not wait until all is described."""
        begins, self._begins = self._begins, None
        if begins is not None and trainer.is_global_zero and trainer.loggers and isinstance(pl_module, Task):
            self._write(trainer, pl_module, begins)

    def _write(self, trainer: Trainer, pl_module: Task, step: int) -> None:
        file = Path(trainer.default_root_dir) / "config.yaml"
        kind = type(pl_module)
        config: Any = {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": dict(pl_module.hparams)}
        text = yaml.safe_dump({"model": config})
        if file.is_file() and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            text = file.read_text()
        settings = {name.removeprefix("model."): value for name, value in changed(yaml.safe_load(text)).items()}
        for logger in trainer.loggers:
            if not isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(settings)
                continue
            names = [name.format(score_of(pl_module)) for name in METRICS]
            for summary in hparams(settings, {tag_in(logger, name): 0.0 for name in names}):
                logger.experiment.file_writer.add_summary(telling_first(summary))
            logger.experiment.add_custom_scalars(layout(pl_module.hparams, score_of(pl_module)))
            pages = {"1_run": origin(), "3_config": text}
            if step == 0 and not is_sharded(trainer):  # FSDP cuts the parameters up
                pages["2_model"] = describe(pl_module, pl_module.hparams["max_length"])  # type: ignore[arg-type]
            for name, page in pages.items():
                logger.experiment.add_text(name, f"```\n{page}\n```", step)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the best score of the validations so far."""
        name = f"val/{score_of(pl_module)}"
        score = trainer.callback_metrics.get(name)
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking and score is not None:
            self._best = max(self._best, float(score))
            if trainer.is_global_zero and math.isfinite(self._best):
                log_numbers(trainer, {f"{name}_best": self._best}, logged_step(trainer), {})


def telling_first(summary: Summary) -> Summary:
    """The summary of HParams with what tells runs apart before all else, because the table shows five settings."""
    for value in summary.value:
        data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for info in data.experiment.hparam_infos:
            info.differs = f"model.{info.name}" in TELLING or info.name in TELLING
        value.metadata.plugin_data.content = data.SerializeToString()
    return summary


def score_of(module: LightningModule) -> str:
    """The metric by which the best weights of a task are chosen."""
    return getattr(module, "score", "acc")


def origin() -> str:
    """The command, the git revision of the checkout if there is one, and the versions."""
    options = [Path(sys.argv[0]).name]
    for argument in sys.argv[1:]:
        if argument.startswith("-"):
            options.append(shlex.quote(argument))
        else:  # a value stays beside its flag
            options[-1] += f" {shlex.quote(argument)}"
    parts = options[:1]
    for option in options[1:]:  # the page would cut longer lines off
        if len(parts[-1]) + len(option) > COLUMNS:
            parts.append(option)
        else:
            parts[-1] += f" {option}"
    lines = ["command   " + " \\\n          ".join(parts)]
    if revision := git_revision():
        lines.append(f"git       {revision}")
    device = f"CUDA {torch.version.cuda}, {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "CPU"
    lines.append(f"versions  wavspa {__version__}, torch {torch.__version__}, lightning {lightning.__version__}")
    lines.append(f"machine   python {platform.python_version()}, {platform.system()} {platform.machine()}, {device}")
    return "\n".join(lines)


def git_revision() -> str:
    """The revision of the checkout that runs, with a word if files differ from it; empty for an installed package."""
    if not (HERE.parent / ".git").exists():
        return ""
    command = ["git", "-C", str(HERE.parent), "describe", "--always", "--dirty", "--abbrev=12"]
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    return ""


def layout(hparams: Mapping[str, Any], score: str = "acc") -> dict[str, dict[str, list[Any]]]:
    """The charts of the tab Custom Scalars for a task: what is learned, how, what the blocks do, and how fast.

    Args:
        hparams: Those of the task.
        score: Its score, see `Task.score`.
    """

    def chart(*patterns: str) -> list[Any]:
        return ["Multiline", [rf"(\d_)?{pattern}$" for pattern in patterns]]  # with and without numbers of groups

    encoder, groups = hparams["encoder"], len(hparams.get("group_values", ()))
    accuracy = {"beside chance": chart("train/acc", "val/acc", "val/chance", "test/acc")}
    if score == "r2":  # numbers are right or wrong by degrees
        accuracy = {"R²": chart("val/r2", "test/r2"), "mean absolute error": chart("train/mae", "val/mae", "test/mae")}
    elif score != "acc" or hparams.get("imbalance_metrics"):
        accuracy["classes count alike"] = chart("val/(f1|map|auroc)", "test/(f1|map|auroc)")
    if groups:
        accuracy["trained and extrapolated"] = chart("(val|test)/acc_trained", "(val|test)/acc_extrapolated")
    if 0 < groups <= FEW:
        accuracy[f"by {hparams['group_name']}"] = chart("val_by_.*")
    blocks: dict[str, list[Any]] = {}
    if encoder["space"] == "wavelet":
        blocks = {f"{kind} error": chart(f"wavelet/{kind}_error/.*") for kind in ("reconstruction", "orthogonality")}
    for layer in range(1, encoder["layers"] + 1):
        if encoder["space"] == "wavelet":
            blocks[f"energy of the bands, layer {layer}"] = chart(f"wavelet_energy/layer_{layer}_.*")
        if encoder["attention"]["kind"] == "softmax":
            blocks[f"entropy of attention, layer {layer}"] = chart(f"[a-z]+_entropy/layer_{layer}_.*")
    charts = {
        "Errors" if score == "r2" else "Accuracy": accuracy,
        "Loss": {"loss": chart("train/loss", "val/loss", "test/loss")},
        "Training": {"learning rates": chart("train/lr.*"), "gradient norm": chart("train/gradient_norm")},
        "Blocks": blocks,
        "Speed": {"tokens per second": chart("speed/tokens_per_second")},
    }
    return {title: category for title, category in charts.items() if category}
