"""The tasks of the Long Range Arena (arXiv 2011.04006)."""

from datamodules.lra.listops import ListOps

__all__ = ["ListOps"]
