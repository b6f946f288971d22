"""What the console shows: errors in a line, and no messages that say nothing about the user's run."""

import argparse
import difflib
import enum
import logging
import re
import sys
import threading
import warnings
from collections import defaultdict
from typing import Any, NoReturn, Union, get_args

import jsonargparse
import lightning.pytorch.callbacks
import yaml
from lightning import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser
from omegaconf.errors import OmegaConfBaseException

import datamodules
import wavspa_lit.callbacks
from wavspa_lit.callbacks import EMA, StopEarly
from wavspa_lit.choices import SAID
from wavspa_lit.choices import nearest as closest
from wavspa_lit.files import unwritable
from wavspa_lit.flags import page
from wavspa_lit.packaged import find_config
from wavspa_lit.renamed import renamed_everywhere
from wavspa_lit.reporting.settings import arguments
from wavspa_lit.tasks.loading import TASKS

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
LITERAL = re.compile(r"typing\.Literal\[([^\]]*)\]")
# Names that other programs have for ours.
OTHER_NAMES = {
    **{"learning_rate": "lr", "seed": "seed_everything", "checkpoint": "ckpt_path", "depth": "layers"},
    **{"epochs": "max_epochs", "steps": "max_steps", "gpus": "devices", "num_gpus": "devices"},
}
# Callbacks such as Lightning's Timer have members of enumerations as defaults, which configs hold by their values.
yaml.SafeDumper.add_multi_representer(enum.Enum, lambda dumper, member: dumper.represent_data(member.value))


def quieten() -> None:
    """Installs the filters; every other warning stays."""
    for name in ("utilities.rank_zero", "trainer.connectors.checkpoint_connector"):
        logging.getLogger(f"lightning.pytorch.{name}").addFilter(lambda record: not ADVERTS.search(record.getMessage()))
    shown: set[str] = set()

    def line(message: Warning | str, *_: Any, **__: Any) -> str:
        """What, not where it arose; once, because Python forgets what it has shown when a library changes filters."""
        repeated = str(message) in shown
        shown.add(str(message))
        return "" if repeated else f"warning: {message}\n"

    def thread(failed: threading.ExceptHookArgs) -> None:
        """TensorBoard's thread, when the disk is full: the next write raises the error again, where it is told."""
        if not (failed.exc_value and unwritable(failed.exc_value)):
            threading.__excepthook__(failed)

    threading.excepthook = thread
    warnings.formatwarning = line
    for message in IRRELEVANT:
        warnings.filterwarnings("ignore", message=f"(?s).*{message}")


class HelpFormatter(argparse.RawDescriptionHelpFormatter, jsonargparse.DefaultHelpFormatter):  # type: ignore[misc]
    """Leaves the lines of examples as they are."""


class ArgumentParser(LightningArgumentParser):
    """Says what is wrong in a line, not below a page of usage, and takes no abbreviated flags."""

    command = ""
    """The command whose flags these are; empty for classes that are described alone."""

    def format_help(self, *args: Any) -> str:
        """The page of the command, grouped and with the flags of the model, in place of jsonargparse's."""
        return page(self, self.command) if self.command else super().format_help(*args)

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        """No candidates for a prefix: `--trainer.max_epoch 3` is a mistake, not `max_epochs`."""
        return []

    def _load_config_parser_mode(self, content: str, *args: Any, **kwargs: Any) -> Any:
        """Reads a config in which `${data.n}` stands for `${data.init_args.n}`, and the same for the model."""
        return super()._load_config_parser_mode(SHORT_REFERENCE.sub(r"${\1.init_args.", content), *args, **kwargs)

    def _apply_actions(self, cfg: Any, *args: Any, **kwargs: Any) -> Any:
        """Takes settings of a config that was written under their earlier names."""
        return super()._apply_actions(renamed_everywhere(cfg), *args, **kwargs)

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        """As jsonargparse does it; a reference that leads nowhere is an error like others."""
        try:
            return super().parse_args(*args, **kwargs)
        except OmegaConfBaseException as error:
            line = str(error).splitlines()[0].replace(".init_args", "")
            self.error(f"{line}; a reference needs an argument of the chosen class")

    def add_lightning_class_args(self, *args: Any, **kwargs: Any) -> list[str]:
        """As Lightning does it, but 1 stays a number of batches where it would become 1.0, all of them.

        Python takes `float | int` and `int | float` for the same type, and keeps the order that it has seen first.
        """
        added = super().add_lightning_class_args(*args, **kwargs)
        for action in map(vars, self._actions):
            kinds = get_args(action.get("_typehint"))
            if int in kinds and float in kinds:
                action["_typehint"] = Union[(int, *(kind for kind in kinds if kind is not int))]
        return added

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Prints the message and exits with status 2."""
        line = shorten(" ".join(message.split()))
        sys.stderr.write(f"error: {line}{nearest(line)}\nSee `wavspa --help` and `wavspa fit --help`.\n")
        sys.exit(2)


class ConfigFile(jsonargparse.ActionConfigFile):
    """`-c`: a file, or the name of a config that comes with the package."""

    def __call__(self, parser: Any, namespace: Any, value: Any, option_string: str | None = None) -> None:
        """Reads the file into the namespace."""
        try:
            file = find_config(str(value))
        except ValueError as error:
            parser.error(str(error))
        try:
            yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            parser.error(f"-c {value} cannot be read: {' '.join(str(error).split())}")
        super().__call__(parser, namespace, str(file), option_string)


def shorten(message: str) -> str:
    """What the parser means, without the types that it tried and the paths that it looked for."""
    if match := re.search(r"Importing '([\w.]+)' is not allowed", message):
        return f"{match[1]} is not a class of this project or of Lightning; with --trust it would be imported"
    if match := re.search(r'Parser key "([\w.]+)": Unable to load config \'([^\']*)\'', message):
        return f"{match[1]} {match[2]}: it has settings of its own, such as {match[1]}.kind"
    if re.search(r"arguments are required: (fit\.|\w+\.)?(data|model)\b", message) or re.search(
        r'Parser key "(data|model)".*Given value: \{(?!.*class_path)', message
    ):
        return (
            "no task is given: name its config with -c, such as -c lego, and overlays after it, such as -c model/ada; "
            "`wavspa list configs` shows them"
        )
    if match := re.search(r'Parser key "([\w.]+)": Expected an? (.*)\. Got value: (.*)$', message):
        return _wrong_value(match[1].replace("init_args.", ""), match[2], match[3]) or message
    if match := re.search(r'Parser key "(data|model|trainer\.callbacks)".*import path string: ([\w.]+) ', message):
        return _unknown_class(match[1], match[2])
    if match := re.search(r"module '(wavspa_lit\.callbacks|lightning\S*callbacks)' has no attribute '(\w+)'", message):
        return _unknown_class("trainer.callbacks", match[2])
    if match := re.search(r'Parser key "([\w.]+)":.* Errors: (.*) Given value type: .*Given value: (.*)$', message):
        return _wrong_value(match[1], match[2], match[3]) or message
    return message


def _wrong_value(name: str, expected: str, value: str) -> str:
    """Says what a setting takes, where the parser tells it as types; nothing if those are classes."""
    names = list(dict.fromkeys(re.findall(r"[\w-]+", " ".join(LITERAL.findall(expected)))))
    if names:
        return f"{name} {value!r}: {closest(value, names)} Known: {', '.join(names)}"
    said = {kind.__name__: words for kind, words in SAID.items()}
    kinds = [kind.split(".")[-1] for kind in re.findall(r"<class '([\w.]+)'>", expected) if kind != "NoneType"]
    kinds = [said.get(kind, kind) for kind in kinds]
    if name == "trainer.logger":
        loggers = sorted(lightning.pytorch.loggers.__all__)
        return f"{name} {value!r}: {closest(value, loggers)} Known: true, false, {', '.join(loggers)}"
    return f"{name} {value!r}: expected {' or '.join(kinds)}" if kinds and "class_path" not in expected else ""


def _unknown_class(option: str, name: str) -> str:
    """Says which classes an option takes."""
    if option == "trainer.callbacks":
        names = sorted({*wavspa_lit.callbacks.__all__, *lightning.pytorch.callbacks.__all__})
    else:
        names = (
            list(TASKS) if option == "model" else [each for each in datamodules.__all__ if each != "SequenceDataModule"]
        )
    known = "" if option == "trainer.callbacks" else f" Known: {', '.join(names)}"
    return f"--{option} {name}: {closest(name, names)}{known}"


def nearest(message: str) -> str:
    """A hint at the known option that is most like the one that an error calls unknown; nothing if none is."""
    match = UNKNOWN.search(message)
    if not match:
        word = re.search(r"unrecognized arguments: ([^-\s]\S*)", message)
        return f"; {word[1]} is not an option: a config is given with -c, a run with --run" if word else ""
    unknown = (match[1] or match[2]).replace("init_args.", "")
    front, dot, last = unknown.rpartition(".")
    unknown = f"{front}{dot}{OTHER_NAMES.get(last, last)}"
    known = _options()
    ends = {name: name.removeprefix("model.") if unknown.startswith("encoder") else name for name in known}
    if "." not in unknown:
        ends = {name: name.rsplit(".", 1)[-1] for name in known}
    close = difflib.get_close_matches(unknown, ends.values(), n=1)
    names = [name for name, end in ends.items() if close and end == close[0]]
    if match[2] and close == [unknown] and len(names) == 1 and names[0].count(".") == 1:
        owners = ", ".join(sorted(set(known[names[0]])))  # a class and its base may name an option
        return f": --{names[0]} belongs to {owners}; with --help after it, a config shows the options that it takes"
    return f"; did you mean {' or '.join(f'--{name}' for name in names[:3])}?" if names else ""


def _options() -> dict[str, list[str]]:
    """The options of the trainer, of every task and of every data module, and the classes that have them."""
    own = ("run", "resume", "init_from", "speed", "inputs", "output", "length", "other_data", "trust")
    options: defaultdict[str, list[str]] = defaultdict(list)
    options |= {name: [] for name in (*own, "ckpt_path", "config", "print_config", "seed_everything")}
    kinds: list[tuple[type, str]] = [(Trainer, "trainer"), (EMA, "trainer.callbacks"), (StopEarly, "trainer.callbacks")]
    kinds += [(ModelCheckpoint, name) for name in ("best_checkpoint", "last_checkpoint")]
    kinds += [(kind, "model") for kind in TASKS.values()]
    kinds += [(getattr(datamodules, name), "data") for name in datamodules.__all__]
    for kind, group in kinds:
        for name, _ in arguments(kind):
            options[f"{group}.{name}"].append(kind.__name__)
    return dict(sorted(options.items()))
