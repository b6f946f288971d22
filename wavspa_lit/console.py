"""What the console shows: errors in a line, and no messages that say nothing about the user's run."""

import logging
import re
import sys
import warnings
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

ADVERTS = re.compile(r"litlogger|litmodels|LitLogger|LitModels|lightning\.ai|`weights_only` was not set")
# In a config, `${data.max_length}` means the argument of the chosen class.
SHORT_REFERENCE = re.compile(r"\$\{(data|model)\.(?!init_args\b|class_path\b)")
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
    """Installs the filters; every other warning stays."""
    for name in ("utilities.rank_zero", "trainer.connectors.checkpoint_connector"):
        logging.getLogger(f"lightning.pytorch.{name}").addFilter(lambda record: not ADVERTS.search(record.getMessage()))
    for message in IRRELEVANT:
        warnings.filterwarnings("ignore", message=f"(?s).*{message}")


class ArgumentParser(LightningArgumentParser):
    """Says what is wrong in a line, not below a page of usage, and takes no abbreviated flags."""

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        """No candidates for a prefix: `--trainer.max_epoch 3` is a mistake, not `max_epochs`."""
        return []

    def _load_config_parser_mode(self, content: str, *args: Any, **kwargs: Any) -> Any:
        """Reads a config in which `${data.n}` stands for `${data.init_args.n}`, and the same for the model."""
        return super()._load_config_parser_mode(SHORT_REFERENCE.sub(r"${\1.init_args.", content), *args, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Prints the message and exits with status 2."""
        sys.stderr.write(f"error: {message}\nSee `wavspa --help` and `wavspa fit --help`.\n")
        sys.exit(2)
