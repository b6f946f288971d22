"""Where a step begins, for CUDA graphs."""

from typing import Any

import torch
from lightning import Callback


class StepMarks(Callback):
    """Says before each batch that what the graphs computed for the one before may be overwritten."""

    def on_train_batch_start(self, *_: Any) -> None:
        """Marks a training step."""
        torch.compiler.cudagraph_mark_step_begin()

    def on_validation_batch_start(self, *_: Any) -> None:
        """Marks a batch of a validation."""
        torch.compiler.cudagraph_mark_step_begin()

    def on_test_batch_start(self, *_: Any) -> None:
        """Marks a batch of a test."""
        torch.compiler.cudagraph_mark_step_begin()

    def on_predict_batch_start(self, *_: Any) -> None:
        """Marks a batch to predict."""
        torch.compiler.cudagraph_mark_step_begin()
