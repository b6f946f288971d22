"""`wavspa data prepare|verify|info|write TASK`: gets data ready, checks them, says what is there, draws Pathfinder."""

import difflib
import re
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

import jsonargparse

from datamodules.errors import DataError
from datamodules.files import commands as of_files
from datamodules.files.data import FilesData
from datamodules.sequences import SequenceData

SIZES = ("dim", "layers", "mlp_dim")
"""Options of `info files` that are not the data module's: the model that memory is estimated for."""
COMMANDS = {
    "prepare": "read, generate or download the data into the cache",
    "verify": "read every example of every split and check it",
    "info": "say where the data are, or what is missing and how to get it",
    "write": "draw Pathfinder images in the release's format: folders of PNG files",
}


def tasks(arguments: Sequence[str]) -> dict[str, tuple[type[SequenceData], dict[str, int]]]:
    """The class of each task, and where its defaults differ from the class's.

    Those of the arena are left out where the arguments ask for files, because they import Lightning, which takes
    seconds and 200 MiB.
    """
    files: dict[str, tuple[type[SequenceData], dict[str, int]]] = {"files": (FilesData, {})}
    if list(arguments[1:2]) == ["files"] and arguments[0] != "write":
        return files
    from datamodules import lra

    return {
        "listops": (lra.ListOps, {}),
        "text": (lra.Text, {}),
        "retrieval": (lra.Retrieval, {}),
        "image": (lra.Image, {}),
        "pathfinder": (lra.Pathfinder, {}),
        "path_x": (lra.Pathfinder, {"resolution": 128}),
        "path_256": (lra.Pathfinder, {"resolution": 256}),
        **files,
    }


class _Parser(jsonargparse.ArgumentParser):
    """Says in a line what is wrong, with the nearest flag or value."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        line, near = " ".join(message.split()), []
        if match := re.search(r"unrecognized arguments: (--[\w.]+)", line):
            near = difflib.get_close_matches(match[1], self._option_string_actions, n=1)
        elif match := re.search(r'Parser key "([\w.]+)": Expected an? (.*)\. Got value: (.*)$', line):
            known = re.findall(r"'([^']+)'", match[2])
            if match[2].startswith("<class"):
                said = {"int": "a whole number", "float": "a number", "bool": "true or false"}
                line = f"--{match[1]} {match[3]!r}: expected {said.get(known[0], known[0])}"
            else:
                near = difflib.get_close_matches(match[3], known, n=1)
                line = f"--{match[1]} {match[3]!r}: no such choice. Known: {', '.join(known)}"
        elif match := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", line):
            near = difflib.get_close_matches(match[1], re.findall(r"[\w-]+", match[2]), n=1)
        sys.stderr.write(f"error: {line}{f'; did you mean {near[0]}?' if near else ''}\n")
        sys.exit(2)


def run(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit status: 0, 1 if the data are missing or wrong, 2 for a wrong command.

    Flags may be written as `wavspa fit` takes them: `--data.root` means `--root`.
    """
    known = tasks(arguments)
    parser = _Parser(prog="wavspa data", description="The data of the Long Range Arena, and files of your own.")
    commands = parser.add_subcommands()
    for command, text in COMMANDS.items():
        of_command = _Parser(description=text)
        commands.add_subcommand(command, of_command, help=text)
        names = of_command.add_subcommands(dest="task")
        for task, (kind, defaults) in known.items():
            if command == "write" and kind.__name__ != "Pathfinder":
                continue
            options = _Parser()
            options.add_class_arguments(kind)
            options.set_defaults(defaults)
            if kind is FilesData and command == "info":
                options.add_function_arguments(of_files.info, skip={"data"})
            names.add_subcommand(task, options, help=_summary(kind, defaults))
    config = parser.parse_args([re.sub(r"^--data\.", "--", argument) for argument in arguments])
    command = config.subcommand
    task = config[command].task
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: sys.stderr.write(f"warning: {message}\n")  # type: ignore[assignment]
        try:
            given = config[command][task].as_dict()
            sizes = {name: given.pop(name) for name in SIZES if name in given}
            data = known[task][0](**given)
            if isinstance(data, FilesData):
                return of_files.verify(data) if command == "verify" else of_files.info(data, **sizes)
            from datamodules.lra import commands as of_arena

            return getattr(of_arena, command)(task, data)
        except ValueError as error:
            flags = "|".join(config[command][task].as_dict())
            text = re.sub(rf"\bdata\.({flags})\b", r"--\1", str(error))  # what they are called here
            sys.stderr.write(f"error: {text}\n")
            return 1 if isinstance(error, DataError) else 2


def _summary(kind: type[SequenceData], defaults: dict[str, int]) -> str:
    text = (kind.__doc__ or "").split("\n")[0].rstrip(".")
    return f"{text} ({', '.join(f'{name} {value}' for name, value in defaults.items())})" if defaults else text
