"""Choices among known names, and configs from plain data: checked where an object is built. Plain Python."""

import difflib
import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from wavspa_lit.renamed import renamed

Config = TypeVar("Config")

_imports: ContextVar[bool] = ContextVar("imports", default=True)


def nearest(name: object, known: Iterable[str]) -> str:
    """A hint at the known name that is most like `name`, or that there is none."""
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    return f"did you mean {close[0]}?" if close else "no such choice."


def check(what: str, value: object, known: Iterable[str]) -> None:
    """Raises a ValueError that names `what`, the nearest name and all of them, if `value` is not among the known."""
    names = list(known)
    if value not in names:
        raise ValueError(f"{what} {value!r}: {nearest(value, names)} Known: {', '.join(names)}")


def names_of(hint: Any) -> tuple[str, ...]:
    """The names that the Literals of a type admit, those inside unions included; none if it has no Literal."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(name for part in get_args(hint) for name in names_of(part))


SAID = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
"""What messages call the types of settings."""


def plain_data(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's, also in lists and dicts: checkpoints may hold plain data alone."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {name: plain_data(part) for name, part in value.items()}
    return type(value)(map(plain_data, value)) if type(value) in (list, tuple) else value


def check_kind(what: str, value: object, hint: Any) -> None:
    """Raises a ValueError unless a value is of the type. Types of other things than `SAID` has are left alone.

    NaN is no number here, because it passes every comparison with a bound and spoils all parameters.
    """
    kinds = set(get_args(hint) or (hint,))
    if not kinds <= {*SAID, NoneType}:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = type(value) in kinds or (number and float in kinds) or (isinstance(value, str) and str in kinds)
    if not fits or value != value:
        said = " or ".join(SAID[kind] for kind in SAID if kind in kinds and not (kind is int and float in kinds))
        raise ValueError(f"{what} {value!r}: expected {said}")


def check_fields(config: Any, group: str) -> None:
    """Checks the types of a config's fields, and those that take one of several names; builds nested configs.

    A field of the type `Literal[...] | str` also takes the import path of a class, which is a name with a dot.

    Args:
        config: An instance of a dataclass.
        group: What messages call it, such as `encoder`.

    Raises:
        ValueError: If a name is not known, with the nearest one, or a value of another type.
        TypeError: If a nested config is neither a config nor a mapping.
    """
    for name, hint in get_type_hints(type(config)).items():
        value = plain_data(getattr(config, name))
        setattr(config, name, value)
        check_kind(f"{group}.{name}", value, hint)
        if is_dataclass(hint):
            setattr(config, name, from_plain(hint, value, name))  # type: ignore[arg-type]
        elif (known := names_of(hint)) and not (str in get_args(hint) and isinstance(value, str) and "." in value):
            check(f"{group}.{name}", value, known)


def from_plain(kind: type[Config], value: Config | Mapping[str, Any], group: str) -> Config:
    """A config from plain data, in which settings may have the names that they had before; a config passes through.

    Args:
        kind: The dataclass.
        value: One of its instances, or a mapping from names of fields to values.
        group: What messages call it, such as `encoder`.

    Raises:
        ValueError: If a setting is not known; says the nearest one.
        TypeError: If the value is neither.
    """
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"{group} {value!r}: expected a {kind.__name__} or a dict of its settings")
    plain = renamed(value, group)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in plain:
        check(f"{group} has no setting", name, known)
    return kind(**plain)


def warn_unread(config: Any, group: str, unread: Iterable[str], by: str) -> None:
    """Gives one warning that names the settings in `unread` that differ from their defaults.

    Args:
        config: An instance of a dataclass.
        group: What messages call it, such as `encoder`.
        unread: Names of the fields that have no effect beside the others.
        by: What does not read them, such as `kind softmax`.
    """
    unread, idle = set(unread), []
    for field in fields(config):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if field.name in unread and getattr(config, field.name) != default:
            idle.append(f"{group}.{field.name}")
    if idle:
        # Four frames up is the caller of the config's constructor, which dataclasses generates.
        warnings.warn(f"{by} does not read {', '.join(idle)}: without effect, and may be left out", stacklevel=4)


def settings_of(kind: Callable[..., Any]) -> set[str]:
    """The names of the arguments that a class or function reads; for a class, also those that it hands to its bases."""
    names: set[str] = set()
    for base in kind.__mro__ if isinstance(kind, type) else [kind]:
        function = vars(base).get("__init__") if isinstance(base, type) else base
        parameters = inspect.signature(function).parameters.values() if function else []
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if function and all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self"}


def build(kind: Callable[..., Any], /, **available: Any) -> Any:
    """Calls a class or function with those of the available arguments that it reads."""
    read = settings_of(kind)
    return kind(**{name: value for name, value in available.items() if name in read})


@contextmanager
def imports(allowed: bool) -> Iterator[None]:
    """Whether import paths in configs may import modules of other packages, which runs their code."""
    token = _imports.set(allowed)
    try:
        yield
    finally:
        _imports.reset(token)


def find_class(what: str, name: str, known: Mapping[str, type], base: type | UnionType) -> type:
    """The class of a known name, or of an import path such as `package.module.Class`.

    Args:
        what: What messages call the choice, such as `attention.kind`.
        name: A key of `known`, or an import path.
        known: Classes by name.
        base: The class, or union of classes, one of which a class that is given by its path must derive from.

    Raises:
        ValueError: If there is no such class, or it is of another sort, or its module has not been imported yet and
            `imports` does not allow it.
    """
    if name in known:
        return known[name]
    path, dot, attribute = name.rpartition(".")
    if not dot:
        check(what, name, known)
    if path not in sys.modules and path.partition(".")[0] != "wavspa_lit" and not _imports.get():
        raise ValueError(f"{what} {name} is not a class of this project; with --trust it would be imported")
    try:
        found = getattr(importlib.import_module(path), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{what} {name}: {error}; its package must be installed, or on PYTHONPATH") from None
    if not (isinstance(found, type) and issubclass(found, base)):
        bases = " or ".join(each.__name__ for each in (get_args(base) or (base,)))
        raise ValueError(f"{what} {name}: expected a class that derives from {bases}")
    return found
