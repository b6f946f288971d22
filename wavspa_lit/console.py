"""What the console shows: errors in a line, and no messages that say nothing about the user's run."""

import difflib
import inspect
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, NoReturn

from lightning import Trainer
from lightning.pytorch.cli import LightningArgumentParser

import datamodules
import wavspa_lit.tasks
from datamodules import SequenceDataModule
from wavspa_lit.tasks import Task

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

UNKNOWN = re.compile(r"unrecognized arguments: --([\w.]+)|[Oo]ption '([\w.]+)'")


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
        line = _unknown_class(" ".join(message.split()))
        sys.stderr.write(f"error: {line}{nearest(line)}\nSee `wavspa --help` and `wavspa fit --help`.\n")
        sys.exit(2)


def _unknown_class(message: str) -> str:
    """The message, or a shorter one if a class name is wrong."""
    match = re.search(r'Parser key "(data|model)".*import path string: ([\w.]+) ', message)
    if not match:
        return message
    base, folder = (SequenceDataModule, datamodules) if match[1] == "data" else (Task, wavspa_lit.tasks)
    kinds = [kind for kind in vars(folder).values() if isinstance(kind, type) and issubclass(kind, base)]
    names = sorted(kind.__name__ for kind in kinds if not inspect.isabstract(kind))
    close = difflib.get_close_matches(match[2], names, n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    return f"--{match[1]} {match[2]}: no such class{hint} Known: {', '.join(names)}"


def nearest(message: str) -> str:
    """A hint at the known option that is most like the one that an error calls unknown; nothing if none is."""
    match = UNKNOWN.search(message)
    if not match:
        return ""
    unknown = (match[1] or match[2]).replace("init_args.", "")
    known = sorted(set(_options()))
    ends = {name: name.removeprefix("model.") if unknown.startswith("encoder") else name for name in known}
    if "." not in unknown:
        ends = {name: name.rsplit(".", 1)[-1] for name in known}
    close = difflib.get_close_matches(unknown, ends.values(), n=1)
    names = [f"--{name}" for name, end in ends.items() if close and end == close[0]]
    return f"; did you mean {' or '.join(names[:3])}?" if names else ""


def _options() -> Iterator[str]:
    """The options of the trainer, of every task and of every data module."""
    yield from ("run", "resume", "init_from", "compile", "inputs", "output", "length", "trust", "ckpt_path")
    yield from _parameters(Trainer, "trainer")
    for folder, group in ((wavspa_lit.tasks, "model"), (datamodules, "data")):
        for kind in vars(folder).values():
            if isinstance(kind, type):
                yield from _parameters(kind, group)


def _parameters(kind: type, prefix: str) -> Iterator[str]:
    """Parameters of a class and of its bases, and the fields of those that are dataclasses."""
    for base in kind.__mro__:
        for parameter in inspect.signature(base).parameters.values() if base is not object else ():
            yield f"{prefix}.{parameter.name}"
            if is_dataclass(parameter.annotation) and isinstance(parameter.annotation, type):
                yield from _parameters(parameter.annotation, f"{prefix}.{parameter.name}")
