"""Interrupts trainings, continues them, and compares them with trainings that were left alone."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import forked
import torch
from lightning import Callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from wavspa_lit.reporting.events import name_of

HERE = Path(__file__).parent
STEPS, EPOCHS, VALIDATE_EVERY = 12, 2, 4
STATUS = {"sigterm": 143, "group": 143, "sigint": 130, "exception": 1, "kill": -9}
How = Literal["sigterm", "group", "sigint", "exception", "kill"]
Where = Literal["batch_start", "backward", "batch_end", "validation", "sanity_check"]


class Interrupt(Callback):
    """Ends the process at a place in a training.

    Args:
        how: A signal to the process or to its whole group, an exception, or a kill that leaves no time for anything.
        where: At the start of a batch, after its backward pass, at its end, or in the validation that follows it; or
            before the first batch, in the sanity check.
        batch: Number of the batch since the start of the training, from 1; 0 for the sanity check.
    """

    def __init__(self, how: How, where: Where, batch: int) -> None:
        self.how, self.where, self.batch = how, where, batch
        self.seen = 0

    def _at(self, where: Where) -> None:
        if self.where != where or self.seen != self.batch:
            return
        self.seen = 10**9
        if self.how == "exception":
            raise RuntimeError("interrupted on purpose")
        if self.how == "group":
            os.killpg(0, signal.SIGTERM)
            return
        number = {"sigterm": signal.SIGTERM, "sigint": signal.SIGINT, "kill": signal.SIGKILL}[self.how]
        os.kill(os.getpid(), number)

    def on_sanity_check_end(self, *_: Any) -> None:
        self._at("sanity_check")

    def on_train_batch_start(self, *_: Any) -> None:
        self.seen += 1
        self._at("batch_start")

    def on_after_backward(self, *_: Any) -> None:
        self._at("backward")

    def on_train_batch_end(self, *_: Any) -> None:
        self._at("batch_end")

    def on_validation_batch_end(self, *_: Any) -> None:
        self._at("validation")


@dataclass(frozen=True)
class Setting:
    """What a training may be run with."""

    workers: int = 0
    accumulate: int = 1
    ema: bool = False
    ranks: int = 1
    tied: bool = False

    def places(self, how: How, where: Where) -> range:
        """Batches at which a training can be interrupted so that it goes on from a checkpoint."""
        validation = VALIDATE_EVERY * self.accumulate
        last = EPOCHS * self.batches - self.accumulate
        if self.ranks > 1 and how in ("sigterm", "group", "sigint"):
            # Ranks agree to stop every second batch, and stop two batches later.
            last = min(last, 2 * ((EPOCHS * self.batches - 1) // 2) - 2)
        if where == "validation":
            return range(2 * validation if how in ("kill", "exception") else validation, last + 1, validation)
        return range(validation + 1, last + 1)

    @property
    def batches(self) -> int:
        """Batches of an epoch; the last optimiser step takes fewer than the others."""
        return (STEPS // EPOCHS - 1) * self.accumulate + 1

    def arguments(self) -> list[str]:
        """Flags of a small training on LEGO: 12 optimiser steps in two epochs, with dropout."""
        batches = VALIDATE_EVERY * self.accumulate
        values = {
            **{"data.n_vars": 4, "data.n_train_vars": 2, "data.num_train": 16 * self.ranks * self.batches},
            **{"data.num_val": 33, "data.num_test": 33, "data.batch_size": 16, "data.num_workers": self.workers},
            **{"model.encoder.dim": 16, "model.encoder.layers": 1, "model.encoder.dropout": 0.2},
            **{"trainer.max_steps": STEPS, "trainer.accumulate_grad_batches": self.accumulate},
            **{"trainer.val_check_interval": batches, "trainer.log_every_n_steps": 1, "trainer.accelerator": "cpu"},
            **{"trainer.devices": self.ranks, "trainer.strategy": "ddp" if self.ranks > 1 else "auto"},
            **{"trainer.check_val_every_n_epoch": "null", "trainer.enable_progress_bar": "false"},
        }
        flags = [f"--{name}={value}" for name, value in values.items()]
        if self.ema:
            flags += ["--trainer.callbacks+=wavspa_lit.callbacks.EMA", "--trainer.callbacks.decay=0.9"]
        if self.tied:
            tied = {"share_layers": "true", "loops": 2, "test_loops": 3, "input_injection": "true", "copy_gate": "true"}
            tied |= {"deep_supervision": "true", "positions": "randomized_rotary"}
            flags += [f"--model.encoder.{name}={value}" for name, value in tied.items()]
            flags += ["--model.staged=true", "--data.min_vars=2", "--data.stream=true"]
        return ["-c", str(HERE.parents[1] / "configs" / "lego.yaml"), *flags]


def fit(setting: Setting, run: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Trains in a process of its own."""
    words = ["fit", *setting.arguments(), "--run", str(run), *arguments]
    if setting.ranks == 1:
        return forked.run(words, run.parent)
    command = [sys.executable, "-m", "wavspa_lit", *words]  # the other ranks are started as this one was
    environment = {**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}
    # A session of its own: what signals its process group would end the caller, too.
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 600, "start_new_session": True}
    return subprocess.run(command, env=environment, cwd=run.parent, **options)


def interrupted(setting: Setting, run: Path, how: How, where: Where, batch: int) -> str:
    """Trains until the interruption, and then to the end; returns what went wrong, or nothing."""
    flags = [
        f"--trainer.callbacks.{name}={value}" for name, value in (("how", how), ("where", where), ("batch", batch))
    ]
    first = fit(setting, run, "--trainer.callbacks+=interrupt.Interrupt", *flags)
    expected = {STATUS[how], 1} if setting.ranks > 1 else {STATUS[how]}  # the launcher may die of its child's death
    if first.returncode not in expected:
        return f"interrupted: status {first.returncode} instead of {STATUS[how]}: {first.stderr[-500:]}"
    second = fit(setting, run, "--resume")
    return "" if second.returncode == 0 else f"resumed: status {second.returncode}: {second.stderr[-500:]}"


def curves(run: Path) -> dict[tuple[str, int], set[float]]:
    """Every value that was logged, by curve and step; speeds are left out."""
    values: dict[tuple[str, int], set[float]] = {}
    for file in run.glob("events.out.tfevents.*"):
        events = EventAccumulator(str(file), size_guidance={"scalars": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            for event in events.Scalars(tag):
                if not name_of(tag).startswith("speed"):
                    values.setdefault((name_of(tag), event.step), set()).add(event.value)
    return values


def differences(run: Path, other: Path) -> list[str]:
    """What differs between the last checkpoints and the curves of two runs, in bits."""
    checkpoints = (torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True) for folder in (run, other))
    first, second = ({key: c[key] for key in ("state_dict", "optimizer_states", "global_step")} for c in checkpoints)
    found = [f"checkpoint: {name}" for name in _unequal(first, second)]
    if "current_model_state" in torch.load(run / "checkpoints" / "last.ckpt", weights_only=True):
        found += _unequal(*(_current(folder) for folder in (run, other)))
    one, two = curves(run), curves(other)
    return found + [
        f"curve {key}: {one.get(key)} and {two.get(key)}" for key in one | two if one.get(key) != two.get(key)
    ]


def _current(run: Path) -> Any:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["current_model_state"]


def _unequal(first: Any, second: Any, name: str = "") -> list[str]:
    if isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) else [name]
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return [f"{name}: {first.keys() ^ second.keys()}"]
        return [found for key in first for found in _unequal(first[key], second[key], f"{name}.{key}")]
    if isinstance(first, (list, tuple)):
        pairs = enumerate(zip(first, second, strict=True))
        return [found for index, pair in pairs for found in _unequal(*pair, f"{name}.{index}")]
    return [] if first == second else [f"{name}: {first} and {second}"]
