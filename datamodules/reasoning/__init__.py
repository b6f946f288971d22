"""Reasoning tasks on which models are tested beyond what they were trained on."""

from datamodules.reasoning.arithmetic import Addition, Copy, ModularArithmetic, Parity, Reverse, Sort
from datamodules.reasoning.base import ReasoningDataModule
from datamodules.reasoning.chomsky import CHOMSKY_TASKS, ChomskyHierarchy
from datamodules.reasoning.lego import Lego
from datamodules.reasoning.listops_length import ListOpsLength
from datamodules.reasoning.scan import Scan
from datamodules.reasoning.task import score

__all__ = [
    "CHOMSKY_TASKS",
    "Addition",
    "ChomskyHierarchy",
    "Copy",
    "Lego",
    "ListOpsLength",
    "ModularArithmetic",
    "Parity",
    "ReasoningDataModule",
    "Reverse",
    "Scan",
    "Sort",
    "score",
]
