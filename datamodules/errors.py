"""What goes wrong with data, said in a line."""

from pathlib import Path


class DataError(ValueError):
    """Data that cannot be used; the message names the file, what is wrong with it, and what to do."""


class MissingData(DataError, FileNotFoundError):
    """Data that are not there; the message names the places that were searched and the ways to get them."""


def at_least_one(**values: int | None) -> None:
    """Raises a ValueError that names the first of the settings whose value is below 1; None passes."""
    for name, value in values.items():
        if value is not None and value < 1:
            raise ValueError(f"data.{name} must be at least 1, got {value}")


def check_file(path: Path, flag: str, wanted: str) -> None:
    """Raises `MissingData` if there is no regular file at the path.

    Args:
        path: The path.
        flag: The argument that gave it, as the message names it.
        wanted: What should be there.
    """
    if not path.is_file():
        what = "no such file or folder" if not path.exists() else "a pipe or a device, which cannot be read twice"
        raise MissingData(f"{flag} {path}: {what}; give {wanted}")
