"""Errors that the command line shows in a line."""


class LengthError(ValueError):
    """An input longer than the model can take; the message says what can take longer ones."""
