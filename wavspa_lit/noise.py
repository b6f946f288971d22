"""Filters the messages that say nothing about the user's run; every other warning stays."""

import logging
import re
import warnings

ADVERTS = re.compile(r"litlogger|litmodels|LitLogger|LitModels|lightning\.ai")
IRRELEVANT = (
    r"does not have many workers",  # small arrays in memory: workers would only cost time
    r"isinstance\(treespec, LeafSpec\)",  # between lightning and torch, nothing a user can change
    r"was deprecated in v4\.49\.0",  # between lightning and jsonargparse
    r"only one JsonargparseDeprecationWarning",
    r"LightningCLI's args parameter is intended to run from within Python",
    r"Checkpoint directory .* exists and is not empty",  # so it is when a run resumes
    r"smaller than the logging interval",
    r"Couldn't infer the batch indices",  # predictions are written in order, without them
)


def quieten() -> None:
    """Installs the filters."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: not ADVERTS.search(record.getMessage())
    )
    for message in IRRELEVANT:
        warnings.filterwarnings("ignore", message=f"(?s).*{message}")
