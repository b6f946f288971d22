"""What goes wrong with data, said in a line."""


class DataError(ValueError):
    """Data that cannot be used; the message names the file, what is wrong with it, and what to do."""


class MissingData(DataError, FileNotFoundError):
    """Data that are not there; the message names the places that were searched and the ways to get them."""
