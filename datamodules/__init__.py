"""Data for long-sequence models. Knows nothing of models."""

from datamodules.base import SequenceDataModule
from datamodules.lra import Image, ListOps, Pathfinder, Retrieval, Text
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
    "Image",
    "Lego",
    "ListOps",
    "ListOpsLength",
    "ModularArithmetic",
    "Parity",
    "Pathfinder",
    "Retrieval",
    "Reverse",
    "Scan",
    "SequenceDataModule",
    "Sort",
    "Text",
]
