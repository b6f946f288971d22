"""How far a preparation is: a bar on a terminal, now and then a line in a file."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm

PERIOD = 60.0
"""Seconds between the lines in a file."""


class Lines(tqdm):  # type: ignore[type-arg]
    """A bar that never goes back to the beginning of its line, because in a file that fills pages."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "mininterval": PERIOD, "maxinterval": PERIOD, "ncols": 0})

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """What shows a state."""

        def show(state: str) -> None:
            file.write(f"{state}\n")
            file.flush()

        return show

    def close(self) -> None:
        """Ends with a line, unless the work ended before the first was due."""
        if not self.disable and self.last_print_t >= self.start_t + (self.delay or 0):
            self.display(pos=0)
            self.last_print_t = self.start_t - 1  # else tqdm would add an empty line
        super().close()


def bar(iterable: Iterable[Any] | None = None, **options: Any) -> Any:
    """A `tqdm` with these options, where a person reads standard error as it comes, else a `Lines`."""
    watched = sys.stderr.isatty() or hasattr(sys, "ps1")
    return (tqdm if watched else Lines)(iterable, **options)
