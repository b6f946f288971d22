"""Arrays that grow row by row, written in pieces."""

from pathlib import Path

import numpy

from datamodules.cache import GrowingArray

PIECE = 1 << 18
"""Numbers after which a piece is written."""


class Buffered(GrowingArray):
    """A `GrowingArray` that takes a few numbers at a time.

    Attributes:
        count: Numbers so far, those in memory included.
    """

    def __init__(self, file: Path, dtype: type[numpy.generic]) -> None:
        super().__init__(file, dtype)
        self.count = self._kept = 0
        self._arrays: list[numpy.ndarray] = []
        self._numbers: list[float] = []

    def append(self, array: numpy.ndarray | bytes) -> None:
        """Adds an array at the end; not to be mixed with `extend`."""
        assert isinstance(array, numpy.ndarray)
        self._arrays.append(array)
        self._grown(len(array))

    def extend(self, numbers: list[int] | list[float]) -> None:
        """Adds numbers at the end."""
        self._numbers.extend(numbers)
        self._grown(len(numbers))

    def close(self) -> numpy.memmap:
        """See `GrowingArray.close`."""
        self._write()
        return super().close()

    def _grown(self, by: int) -> None:
        self.count += by
        self._kept += by
        if self._kept > PIECE:
            self._write()

    def _write(self) -> None:
        if self._arrays:
            super().append(numpy.concatenate(self._arrays))
        if self._numbers:
            super().append(numpy.array(self._numbers))
        self._arrays, self._numbers, self._kept = [], [], 0
