"""The data module from which all others derive, for Lightning."""

from lightning import LightningDataModule

from datamodules.names import Split, Target
from datamodules.sequences import Facts, SequenceData

__all__ = ["Facts", "SequenceDataModule", "Split", "Target"]


class SequenceDataModule(SequenceData, LightningDataModule):
    """Sequences as a data module of Lightning, from which data modules derive; see `SequenceData`."""
