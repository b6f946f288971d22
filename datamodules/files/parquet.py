"""Parquet files, read piece by piece with pyarrow."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy

from datamodules.errors import DataError
from datamodules.files.rows import Row, Table

ROWS = 256
"""Rows that are read at a time."""


class Parquet(Table):
    """A .parquet file; lists of numbers become arrays."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            from pyarrow import ArrowException, parquet
        except ImportError:
            raise DataError(f"{path}: Parquet needs pyarrow (pip install pyarrow), or give a .csv file") from None
        try:
            self._file = parquet.ParquetFile(path)
        except (ArrowException, OSError) as error:
            raise DataError(f"{path}: not a Parquet file ({error})") from error

    def columns(self) -> list[str]:
        """See `Table.columns`."""
        return [field.name for field in self._file.schema_arrow]

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """See `Table.rows`."""
        count = 0
        for batch in self._file.iter_batches(batch_size=ROWS, columns=list(wanted)):
            columns = {name: batch.column(name) for name in wanted}
            for index in range(batch.num_rows):
                count += 1
                yield Row(f"row {count}", {name: _value(column[index]) for name, column in columns.items()})


def _value(scalar: Any) -> Any:
    """A value as Python has it; a list of numbers as an array, without an object for each number."""
    from pyarrow import types

    kind = scalar.type
    if types.is_list(kind) or types.is_large_list(kind):
        if not scalar.is_valid:
            return None
        if types.is_integer(kind.value_type) or types.is_floating(kind.value_type):
            return numpy.asarray(scalar.values.to_numpy(zero_copy_only=False))
    return scalar.as_py()
