"""The .ts files of the UCR and UEA archives of time series.

This is a reader of our own, because the packages that have one (aeon, sktime) bring pandas, scikit-learn and numba
along, hold a file in memory as a whole, and do not say which line is wrong.
"""

from collections.abc import Iterator, Sequence

import numpy

from datamodules.files.rows import Row, Table
from datamodules.files.tables import decoded_lines


class Series(Table):
    """A .ts file: a series per line, with channels separated by colons, values by commas, and the label at the end.

    The columns are `text`, an array (length, channels) float32, and `label`. Missing values (?) are NaN. Series may
    differ in length, but all channels of one are equally long. Time stamps are not read.
    """

    def columns(self) -> list[str]:
        """See `Table.columns`."""
        for _, line in self._lines():
            if line.lower() == "@data":
                return ["text", "label"]
        self.fail("", "no line @data, so it is not a .ts file")

    @property
    def kind(self) -> str:
        """See `Table.kind`."""
        return "numbers"

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """See `Table.rows`."""
        labelled, data, count = True, False, 0
        for number, line in self._lines():
            if not data:
                word, *values = line.lower().split()
                if word in ("@classlabel", "@targetlabel"):
                    labelled = values[:1] != ["false"]
                elif word == "@timestamps" and values[:1] == ["true"]:
                    self.fail(f"line {number}", "series with time stamps are not read; give the values alone")
                data = word == "@data"
                continue
            count += 1
            where = f"row {count} (line {number})"
            *channels, label = line.split(":") if labelled else [*line.split(":"), ""]
            if "label" in wanted and not labelled:
                self.fail(where, "the file says that it has no labels", "label")
            yield Row(where, {"text": self._values(where, channels), "label": label.strip()})

    def _values(self, where: str, channels: list[str]) -> numpy.ndarray:
        try:
            columns = [numpy.array(text.replace("?", "nan").split(","), numpy.float32) for text in channels]
        except ValueError as error:
            self.fail(where, f"{error}; values are numbers separated by commas, and channels are by colons", "text")
        lengths = {len(column) for column in columns}
        if len(lengths) != 1:
            self.fail(where, f"channels of different lengths ({sorted(lengths)}), or none", "text")
        values = numpy.stack(columns, 1)
        # Archives pad shorter series with missing values.
        known = numpy.flatnonzero(~numpy.isnan(values).all(1))
        return values[: known[-1] + 1 if len(known) else 0]

    def _lines(self) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(decoded_lines(self.path), start=1):
            stripped = line.strip()
            if stripped and not stripped.startswith(("#", "%")):
                yield number, stripped
