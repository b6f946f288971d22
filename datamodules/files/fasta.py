"""FASTA: sequences of letters below headers."""

from collections.abc import Iterator, Sequence

from datamodules.files.rows import Row, Table
from datamodules.files.tables import decoded_lines

ENDINGS = (".fasta", ".fa", ".fna", ".faa")


class Fasta(Table):
    """A FASTA file, a row per sequence.

    The header `>seq7 label=promoter split=train` gives the columns `name`, `label` and `split`, and the lines below it
    the column `text`. Lines are put together; case is kept.
    """

    def columns(self) -> list[str]:
        """See `Table.columns`; those of the first sequence."""
        for row in self._records():
            return list(row.values)
        self.fail("row 1", "the file holds no sequence; one begins with a line such as >name label=a")

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """See `Table.rows`."""
        for row in self._records():
            for name in wanted:
                if name not in row.values:
                    self.fail(row.where, f"its header lacks {name}=...", name)
            yield row

    def _records(self) -> Iterator[Row]:
        count, where = 0, ""
        values: dict[str, str] = {}
        parts: list[str] = []
        for number, line in enumerate(decoded_lines(self.path), start=1):
            line = line.strip()
            if line.startswith(">"):
                if count:
                    yield Row(where, {**values, "text": "".join(parts)})
                count += 1
                where, values, parts = f"row {count} (line {number})", _header(line), []
            elif line and not line.startswith(";"):
                if not count:
                    self.fail(f"line {number}", "a FASTA file begins with a header, such as >name label=a")
                parts.append(line)
        if count:
            yield Row(where, {**values, "text": "".join(parts)})


def _header(line: str) -> dict[str, str]:
    words = line[1:].split()
    pairs = (word.split("=", 1) for word in words[1:] if "=" in word)
    return {"name": words[0] if words else "", **{name: value for name, value in pairs if name}}
