"""Data for long-sequence models. Knows nothing of models."""

from datamodules.base import SequenceDataModule
from datamodules.lra import ListOps
from datamodules.reasoning import Lego

__all__ = ["Lego", "ListOps", "SequenceDataModule"]
