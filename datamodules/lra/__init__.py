"""The tasks of the Long Range Arena (arXiv 2011.04006)."""

from datamodules.lra.base import ArenaDataModule
from datamodules.lra.image import Image
from datamodules.lra.listops import ListOps
from datamodules.lra.pathfinder import Pathfinder
from datamodules.lra.retrieval import Retrieval
from datamodules.lra.text import Text

__all__ = ["ArenaDataModule", "Image", "ListOps", "Pathfinder", "Retrieval", "Text"]
