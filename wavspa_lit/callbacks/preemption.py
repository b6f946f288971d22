"""Signals that end a training in good order: a cluster takes the machine back, or somebody presses Ctrl-C."""

import os
import signal
from types import FrameType
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from wavspa_lit.callbacks.deferred import Deferred
from wavspa_lit.private import leave_signals_to_us

STATUS = {signal.SIGTERM: 143, signal.SIGUSR1: 143, signal.SIGINT: 130}
"""Exit statuses; a job script can queue the job again on 143."""


class Preemption(Callback):
    """On SIGTERM, SIGUSR1 or Ctrl-C, finishes the step, lets `last.ckpt` be saved, and exits with 143, 143 or 130.

    Before the first batch is done there is nothing to save, and compiling can take longer than a cluster waits, so that
    a single process exits at once. The signal may reach any of several ranks: every `every` batches they start to
    agree, and act upon it `every` batches later, when no GPU has to be waited for. A second Ctrl-C stops at once.

    Args:
        every: Batches between two agreements.
    """

    def __init__(self, every: int = 2) -> None:
        self.every = every
        self._received = 0
        self._signals: Deferred | None = None
        self._process = 0
        self._nothing_to_lose = False
        self._before: dict[signal.Signals, Any] = {}

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over, because the sanity check can take long: models may be compiled in it."""
        self._take_over(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over if there was no sanity check, and keeps Lightning from handling them."""
        if not self._before:
            self._take_over(trainer)
        leave_signals_to_us(trainer)

    def _take_over(self, trainer: Trainer) -> None:
        self._received, self._signals, self._process = 0, None, os.getpid()
        self._nothing_to_lose = trainer.world_size == 1
        try:
            self._before = {number: signal.signal(number, self._receive) for number in STATUS}
        except ValueError:  # not the main thread, where signals cannot be handled
            self._before = {}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a worker process inherits the handler
            if number == signal.SIGTERM:
                os._exit(143)
            return
        if self._nothing_to_lose:
            raise SystemExit(STATUS[signal.Signals(number)])
        if self._received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = number
        os.write(2, b"\nfinishing the step and saving; Ctrl-C stops at once\n")

    def _check(self, trainer: Trainer, number: int) -> None:
        stop = bool(self._received)
        if trainer.world_size > 1:
            if number % self.every:
                return
            own = torch.full((), float(stop), device=trainer.strategy.root_device)
            stop = self._signals is not None and self._signals.read() > 0
            self._signals = Deferred(trainer.strategy.reduce(own, reduce_op="sum"))
        if stop:
            raise SystemExit(STATUS[signal.Signals(self._received or signal.SIGTERM)])

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Stops before the step; `LastCheckpoint` saves the state after the step before it."""
        self._check(trainer, trainer.fit_loop.epoch_loop.total_batch_idx)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """From now on there is something to save."""
        self._nothing_to_lose = False

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Stops within a validation, because it can take longer than a cluster waits, but not within the last one.

        A training that has done its last step has nothing left to train after a resume, so that its last validation
        would be missing.
        """
        last = trainer.global_step == trainer.max_steps
        if self._before and not trainer.sanity_checking and not last:
            self._check(trainer, batch_idx)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Gives the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
