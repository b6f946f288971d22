"""The data module of a user's own files."""

from datamodules.base import SequenceDataModule
from datamodules.files.data import FilesData


class Files(FilesData, SequenceDataModule):
    """Sequences of the user's own: a table (.csv, .tsv, .jsonl, .parquet), FASTA, a folder per class, .npz, .ts.

    `FilesData` has the arguments and says what they mean.
    """
