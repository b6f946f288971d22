"""A user's own sequences: tables, FASTA files, folders, arrays and series."""

from datamodules.files.module import Files

__all__ = ["Files"]
