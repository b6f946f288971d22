"""Data for long-sequence models. Knows nothing of models.

The names are imported when they are first used, because processes that only draw examples need neither PyTorch nor
Lightning, which take seconds to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.base import SequenceDataModule
    from datamodules.files import Files
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
    "Files",
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


def __getattr__(name: str) -> Any:
    """A data module, by its name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for folder in ("base", "lra", "reasoning", "files"):
        module = import_module(f"{__name__}.{folder}")
        if hasattr(module, name):
            return globals().setdefault(name, getattr(module, name))
    raise AttributeError(name)
