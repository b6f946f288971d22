"""What goes wrong with data, said in a line."""


class DataError(ValueError):
    """Data that cannot be used; the message names the file, what is wrong with it, and what to do."""


class MissingData(DataError, FileNotFoundError):
    """Data that are not there; the message names the places that were searched and the ways to get them."""


def at_least_one(**values: int | None) -> None:
    """Raises a ValueError that names the first of the settings whose value is below 1; None passes."""
    for name, value in values.items():
        if value is not None and value < 1:
            raise ValueError(f"data.{name} must be at least 1, got {value}")
