"""Which reader a file has."""

from collections.abc import Sequence
from pathlib import Path

from datamodules.errors import DataError, check_file
from datamodules.files import arrays, fasta
from datamodules.files.folders import Folder
from datamodules.files.parquet import Parquet
from datamodules.files.rows import Table, ending_of
from datamodules.files.series import Series
from datamodules.files.tables import JsonLines, Separated

FORMATS = "a .csv, .tsv, .jsonl, .parquet, .fasta, .npz or .ts file, or a folder with a folder per class"


def open_table(
    path: str | Path, columns: Sequence[str] = (), delimiter: str | None = None, *, flag: str = "data.train"
) -> Table:
    """The reader of a file, by its ending.

    Args:
        path: The file or folder.
        columns: Names of the columns, if the file has no line that names them.
        delimiter: What separates columns; see `Separated`.
        flag: The argument that gave the path, for messages.

    Raises:
        DataError: If there is no such file, or no reader for it.
    """
    path = Path(path)
    if path.is_dir():
        return Folder(path)
    check_file(path, flag, FORMATS)
    ending = ending_of(path)
    if ending in (".csv", ".tsv") or (ending in (".txt", "") and columns):
        return Separated(path, columns, delimiter)
    kinds: dict[str, type[Table]] = {
        **{".jsonl": JsonLines, ".json": JsonLines, ".parquet": Parquet, ".npz": arrays.Arrays, ".ts": Series},
        **dict.fromkeys(fasta.ENDINGS, fasta.Fasta),
    }
    if ending not in kinds:
        hint = {
            ".npy": "; put it beside its labels: numpy.savez('data.npz', text=x, label=y)",
            ".txt": "; data.columns names the columns of a file that is separated by tabs",
        }.get(ending, "")
        raise DataError(f"{flag} {path}: the ending {ending or '(none)'} is not known{hint}; give {FORMATS}")
    if columns:
        raise DataError(f"data.columns is for files without names of columns, and {path} has some; leave it out")
    return kinds[ending](path)
