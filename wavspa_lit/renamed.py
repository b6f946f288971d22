"""Settings that had another name in earlier versions, whose configs, checkpoints and flags go on working."""

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Renamed(NamedTuple):
    """A setting's old and new name.

    Attributes:
        old: Where it was, `group.name`; settings of no group have an empty one.
        new: Its name in the same group.
        default: Its old default, of which nothing is said in configs, since a saved config has every setting.
        values: New values by old ones; empty if they are the same.
    """

    old: str
    new: str
    default: Any
    values: Mapping[Any, Any] = {}


SWITCHES = {"--no_compile": "--speed=eager", "--no_cuda_graphs": "--speed=eager"}
"""Flags without a value that had another name."""

TABLE = (
    Renamed("compile", "speed", False, {True: "compile", False: "auto"}),
    Renamed("cuda_graphs", "speed", False, {True: "graphs", False: "auto"}),
    Renamed("encoder.backward", "synthesis", True),
    Renamed("encoder.shared_bands", "bands", False, {True: "shared", False: "separate"}),
    Renamed("encoder.joint_bands", "bands", False, {True: "joint", False: "separate"}),
)


def renamed(plain: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The settings of a group under their new names; warns with the new name of those that were not at their default.

    Where several old settings became one, the one that differs from its default holds. A setting that is also given
    under its new name keeps that.
    """
    old = {row.old.rpartition(".")[2]: row for row in TABLE if row.old.rpartition(".")[0] == group}
    result = {name: value for name, value in plain.items() if name not in old}
    given = set(result)
    for name in sorted(plain.keys() & old, key=lambda name: plain[name] != old[name].default):
        row, value = old[name], plain[name]
        new = row.values.get(value, value)
        if row.new not in given:
            result[row.new] = new
        if value != row.default:
            warnings.warn(_line(row, new), stacklevel=2)
    return result


def renamed_everywhere(plain: Any, group: str = "") -> Any:
    """A config, or any part of one, in which every mapping has the new names of its group, which is its key."""
    if not isinstance(plain, Mapping):
        return plain
    return {name: renamed_everywhere(value, str(name)) for name, value in renamed(plain, group).items()}


def renamed_flags(arguments: Sequence[str]) -> list[str]:
    """A command's arguments, `--a.b value` and `--a.b=value`, with the new names; warns with each."""
    result, index = [], 0
    while index < len(arguments):
        if arguments[index] in SWITCHES:
            new = SWITCHES[arguments[index]]
            warnings.warn(f"{arguments[index]} has a new name: {new}", stacklevel=2)
            result.append(new)
            index += 1
            continue
        name, equals, value = arguments[index].partition("=")
        row = next((row for row in TABLE if re.fullmatch(rf"--([\w.]+\.)?{re.escape(row.old)}", name)), None)
        index += 1
        if row is None:
            result.append(arguments[index - 1])
            continue
        if not equals:
            value = "true"  # a switch, unless a value follows
            if index < len(arguments) and not arguments[index].startswith("-"):
                value, index = arguments[index], index + 1
        known = {str(old).lower(): new for old, new in row.values.items()}
        new = known.get(value.lower(), value)
        result.append(f"{name.removesuffix(row.old.rpartition('.')[2])}{row.new}={new}")
        warnings.warn(_line(row, new), stacklevel=2)
    return result


def _line(row: Renamed, value: Any) -> str:
    group = row.old.rpartition(".")[0]
    return f"{row.old} has a new name: {group}{'.' if group else ''}{row.new}, here {value}"
