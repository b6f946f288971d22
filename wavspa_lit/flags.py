"""The page of `wavspa fit --help`: every flag of the model, those of the data and of the trainer that matter most."""

import argparse
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, NamedTuple, get_args

import jsonargparse

import datamodules
from datamodules.base import Facts
from wavspa_lit.choices import names_of, settings_of
from wavspa_lit.tasks.loading import TASKS

ABOUT = """A config is a file, or a name of `wavspa list configs`. Later configs and flags win. In brackets are the
defaults of the code; configs set many otherwise, and --print_config shows what holds."""
OWN = {
    "--print_config": ("", "Print the whole config as YAML and exit."),
    "--seed_everything": ("N", "Seed of weights, dropout and whatever else is drawn; data have --data.seed."),
    "--ckpt_path": ("FILE", "Checkpoint; the config beside it is read, unless one is given with -c."),
    "--weights_only": ("true|false", "Of --ckpt_path, which is always read as plain data: leave it out."),
    "--help_all": ("", "Every flag at length, as Lightning describes them."),
    "--trainer.max_steps": ("N", "Optimiser steps; -1: without an end."),
    "--trainer.max_epochs": ("N", "Passes over the training data; -1: without an end."),
    "--trainer.max_time": ("DD:HH:MM:SS", "Stop after that time."),
    "--trainer.accelerator": ("auto|cpu|gpu|mps", "What computes."),
    "--trainer.devices": ("auto|N|LIST", "How many devices, or their numbers."),
    "--trainer.num_nodes": ("N", "Machines."),
    "--trainer.strategy": ("auto|ddp|fsdp|CLASS", "How several devices share the work."),
    "--trainer.precision": ("32-true|bf16-mixed|16-mixed|...", "On a GPU bf16-mixed if none is given, else 32-true."),
    "--trainer.accumulate_grad_batches": ("N", "Batches of one optimiser step."),
    "--trainer.gradient_clip_val": ("X", "Largest norm of the gradients."),
    "--trainer.val_check_interval": ("N|X", "Validate after N batches, or X of an epoch."),
    "--trainer.check_val_every_n_epoch": ("N", "Epochs between validations; null: val_check_interval counts through."),
    "--trainer.limit_val_batches": ("N|X", "Validate on N batches, or on a fraction; 0: not at all."),
    "--trainer.limit_test_batches": ("N|X", "The same for tests."),
    "--trainer.log_every_n_steps": ("N", "Steps between points of curves; 0: none."),
    "--trainer.logger": ("CLASS|false", "Such as WandbLogger or CSVLogger; TensorBoard if none is given."),
    "--trainer.callbacks": (
        "CLASS",
        "Such as wavspa_lit.callbacks.EMA; --trainer.callbacks+= adds to those of a config.",
    ),
    "--trainer.enable_progress_bar": ("true|false", "A bar on a terminal, lines elsewhere."),
    "--trainer.fast_dev_run": ("true|N", "One batch, or N, of each split, to see whether it runs; nothing is kept."),
    "--trainer.overfit_batches": ("N|X", "Train and validate on the same few batches."),
    "--trainer.deterministic": ("true|false|warn", "Let PyTorch use deterministic kernels only."),
    "--trainer.profiler": ("simple|advanced|CLASS", "Measure where time goes."),
}
"""Flags of Lightning that matter most, in our words; of its other flags only the names are given."""
KINDS = {bool: "true|false", int: "N", float: "X", str: "TEXT", list: "LIST", dict: "DICT"}
LINKED = {field.name for field in fields(Facts)}
"""Arguments of tasks that the data give."""


class Flag(NamedTuple):
    """A line of the page.

    Attributes:
        name: With its dashes.
        takes: Its values, such as `a|b` or `N`; empty for a switch.
        about: What it does.
        default: Its default as it is written; empty if it has none.
    """

    name: str
    takes: str
    about: str
    default: str

    def lines(self) -> list[str]:
        """The line, broken where the terminal ends, with what follows indented."""
        default = f" [{self.default}]" if self.default else ""
        text = f"{self.name} {self.takes}".rstrip() + "  " + " ".join(f"{self.about}{default}".split())
        return _wrapped(text)


class HelpAll(argparse.Action):
    """`--help_all`: Lightning's page of every flag there is."""

    def __init__(self, option_strings: list[str], dest: str = argparse.SUPPRESS, help: str | None = None) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, default=argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: Any, *_: Any) -> None:
        """Prints the page and exits."""
        parser.command = ""
        parser.print_help()
        parser.exit()


def page(parser: Any, command: str) -> str:
    """What `wavspa COMMAND --help` prints.

    Args:
        parser: The parser of the command, which has all flags but those of the model and the data.
        command: Its name.
    """
    flags = {flag.name.rpartition(" ")[2]: flag for flag in _flags(parser)}
    for name, (takes, about) in OWN.items():
        flags[name] = flags[name]._replace(takes=takes, about=about)
    run = [flag for name, flag in flags.items() if "." not in name and _of_command(flag, command)]
    groups = {flag.name.removesuffix(".help") for name, flag in flags.items() if name.endswith(".help")}
    run = [flag for flag in run if flag.name not in groups]  # --model and --data have groups of their own
    rare = [name for name in flags if "." in name and name not in OWN and not name.endswith(".help")]
    parts = [
        f"usage: wavspa {command} -c CONFIG [-c OVERLAY ...] [--flag value ...]",
        "\n".join(_wrapped(ABOUT, "", "")),
        _group("Run", run),
        *_model(),
        *_data(command),
        _group("Trainer", [flags[name] for name in OWN if "." in name]),
        _rare(rare, command),
        parser.epilog or "",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _rare(names: list[str], command: str) -> str:
    """The names of flags, by group, and how to see more of them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for group in dict.fromkeys(name.partition(".")[0] for name in names):
        ends = tuple(name.partition(".")[2] for name in names if name.startswith(f"{group}."))
        groups.setdefault(ends, []).append(group)
    lines = [f"Rarely used; `wavspa {command} --help_all` describes them:"]
    for ends, front in groups.items():
        lines += _wrapped(f"{' and '.join(f'{group}.*' for group in front)}: {', '.join(ends)}")
    return "\n".join(lines)


def _model() -> Iterator[str]:
    """Groups of the flags of the tasks and of what they consist of."""
    found: dict[str, Flag] = {}
    readers: dict[str, list[str]] = {}
    for kind in TASKS.values():
        for flag in _of_class(kind, "model"):
            found.setdefault(flag.name, flag)
            readers.setdefault(flag.name, []).append(kind.__name__)
    groups: dict[str, list[Flag]] = {}
    for name, flag in found.items():
        group, _, last = name.rpartition(".")
        if last in LINKED:
            continue
        of = f"{', '.join(readers[name])}: " if len(readers[name]) < len(TASKS) else ""
        groups.setdefault(group, []).append(flag._replace(about=of + flag.about))
    task = Flag("--model", "CLASS", f"The task: {', '.join(TASKS)}.", "")
    titles = {
        "--model": "Task; its vocabulary, classes and lengths are those of the data",
        "--model.encoder": "Encoder",
        "--model.encoder.wavelet": "Wavelet",
        "--model.encoder.attention": "Attention; descriptions begin with the kinds that read a flag, if not all do",
        "--model.optimizer": "Optimiser",
    }
    groups["--model"].insert(0, task)
    for group, title in titles.items():
        yield _group(title, groups.pop(group))
    for group, flags in groups.items():
        yield _group(group.removeprefix("--"), flags)


def _data(command: str) -> Iterator[str]:
    """The flags that all data modules have, and the names of those that some have."""
    base = datamodules.SequenceDataModule
    kinds = [getattr(datamodules, name) for name in datamodules.__all__ if name != base.__name__]
    common = settings_of(base)
    flags = _of_class(base, "data")
    yield _group("Data", [Flag("--data", "CLASS", "The data module, one of those below.", ""), *flags])
    lines = [f"Flags of one, all below --data; `wavspa {command} --data.help {kinds[0].__name__}` describes its own:"]
    for kind in kinds:
        own = dict.fromkeys(flag.name.rpartition(".")[2] for flag in _of_class(kind, "data"))
        names = ", ".join(name for name in own if name not in common)
        lines += _wrapped(f"{kind.__name__}: {names or 'none'}")
    yield "\n".join(lines)


def _of_class(kind: type, key: str) -> list[Flag]:
    """The flags of a class and of the dataclasses that it takes."""
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, key)
    return [flag for flag in _flags(parser) if flag.name.startswith(f"--{key}.")]


def _flags(parser: Any) -> Iterator[Flag]:
    """The flags of a parser, but for those that read a whole group from a file."""
    for action in parser._actions:
        names = [name for name in action.option_strings if not name.endswith("+")]
        if not names or names[-1] == "--help" or type(action).__name__ == "_ActionConfigLoad":
            continue
        hint = vars(action).get("_typehint") or action.type
        shown = action.nargs != 0 and action.default not in (None, argparse.SUPPRESS)
        about = action.help if action.help not in (None, argparse.SUPPRESS) else ""
        yield Flag(", ".join(names), _takes(hint), about, _written(action.default) if shown else "")


def _takes(hint: Any) -> str:
    """The values of a type: its names, and kinds."""
    if hint is None:
        return ""
    names = [str(name) for name in names_of(hint)]
    kinds = [KINDS[kind] for kind in get_args(hint) or [hint] if isinstance(kind, type) and kind in KINDS]
    if names and str in get_args(hint):
        kinds = ["CLASS"]
    return "|".join(dict.fromkeys(names + kinds)) or "VALUE"


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _of_command(flag: Flag, command: str) -> bool:
    """Whether a flag without a group is for a command: descriptions of those of one begin with its name."""
    match = re.match(r"(fit|predict|describe):", flag.about)
    return not match or match[1] == command


def _group(title: str, flags: Iterable[Flag]) -> str:
    return "\n".join([f"{title}:", *(line for flag in flags for line in flag.lines())])


def _wrapped(text: str, first: str = "  ", others: str = " " * 8) -> list[str]:
    """Lines as long as the terminal's, between 80 and 120 characters, that begin with `first` and `others`."""
    width = min(max(shutil.get_terminal_size((100, 24)).columns, 80), 120)
    wrapper = textwrap.TextWrapper(width, first, others, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(text)
