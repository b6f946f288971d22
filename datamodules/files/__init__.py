"""A user's own sequences: tables, FASTA files, folders, arrays and series.

`Files` is imported when it is first used, because reading files needs neither PyTorch nor Lightning.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.files.module import Files

__all__ = ["Files"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from datamodules.files.module import Files

    return Files
