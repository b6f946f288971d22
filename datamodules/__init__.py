"""Data for long-sequence models. Knows nothing of models."""

from datamodules.base import SequenceDataModule
from datamodules.lra import ListOps
from datamodules.reasoning import (
    Addition,
    ChomskyHierarchy,
    Copy,
    Lego,
    ListOpsLength,
    ModularArithmetic,
    Parity,
    Reverse,
    Scan,
    Sort,
)

__all__ = [
    "Addition",
    "ChomskyHierarchy",
    "Copy",
    "Lego",
    "ListOps",
    "ListOpsLength",
    "ModularArithmetic",
    "Parity",
    "Reverse",
    "Scan",
    "SequenceDataModule",
    "Sort",
]
