"""The settings of a run as one flat table."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

Value = str | int | float | bool | None


def flatten(tree: Any, prefix: str = "") -> dict[str, Value]:
    """Settings by the names that their flags have: `model.encoder.dim` for `model: {init_args: {encoder: {dim: 64}}}`.

    The name of a class stands under the name of its group, and lists become texts.
    """
    if not isinstance(tree, Mapping):
        return {prefix: tree if isinstance(tree, Value) else str(tree)}
    flat: dict[str, Value] = {}
    for key, value in tree.items():
        if key == "class_path":
            flat[prefix] = str(value).rsplit(".", 1)[-1]
        else:
            flat |= flatten(value, prefix if key == "init_args" else f"{prefix}.{key}".lstrip("."))
    return flat


def arguments(kind: type) -> Iterator[tuple[str, Any]]:
    """Names and defaults of what a class and its bases take; after an argument that is a dataclass come its fields."""
    for base in reversed(kind.__mro__[:-1]):
        for argument in inspect.signature(base).parameters.values():
            if argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
                yield from _with_fields(argument.name, argument.annotation, argument.default)


def _with_fields(name: str, annotation: Any, default: Any) -> Iterator[tuple[str, Any]]:
    yield name, default
    if is_dataclass(annotation) and isinstance(annotation, type):
        for field in fields(annotation):
            value = field.default_factory if field.default is MISSING else field.default
            yield from _with_fields(f"{name}.{field.name}", field.type, value)


def defaults(class_path: str) -> dict[str, Value]:
    """The default settings of a class and of its bases, flat; arguments that are dataclasses give their fields'."""
    module, name = class_path.rsplit(".", 1)
    found: dict[str, Value] = {}
    for argument, value in arguments(getattr(import_module(module), name)):
        if value not in (inspect.Parameter.empty, MISSING) and not callable(value):
            found |= flatten(value, argument)
    return found


def changed(config: Mapping[str, Any]) -> dict[str, Value]:
    """The settings of a config that are not the defaults of its classes, flat, and always what tells runs apart.

    Args:
        config: What config.yaml holds; classes by their whole import paths. They are imported.
    """
    settings = {name: value for name, value in flatten(config).items() if value is not None}
    known: dict[str, Value] = {"speed": "auto", "trust": False}
    for group, path in (("trainer", "lightning.Trainer"), *((g, config.get(g, {}).get("class_path")) for g in GROUPS)):
        if path:
            known |= {f"{group}.{name}": value for name, value in defaults(path).items()}
    return {
        name: value
        for name, value in settings.items()
        if name in TELLING or (not name.startswith(LEFT_OUT) and known.get(name) != value)
    }


def differences(file: Path, config: Mapping[str, Any]) -> str:
    """Settings of data and encoder in which an evaluation differs from the training, `data.num_test 2, ...`.

    Args:
        file: The config.yaml of the training. What it does not say, such as options that came later, does not count.
        config: That of the evaluation.
    """
    import yaml

    if not file.is_file():
        return ""
    trained, tested = flatten(yaml.safe_load(file.read_text())), flatten(config)
    names = (name for name in tested if name.startswith(("data.", "model.encoder.")) and name not in WITHOUT_EFFECT)
    return ", ".join(f"{name} {tested[name]}" for name in names if trained.get(name, tested[name]) != tested[name])


WITHOUT_EFFECT = ("data.root", "data.num_workers", "data.batch_size", "data.padding")
"""Settings of data that leave a test's numbers as they are."""
GROUPS = ("data", "model")
LEFT_OUT = (
    "best_checkpoint",
    "last_checkpoint",
    "trainer.enable_",
    "trainer.logger",
    "trainer.accelerator",
    "trainer.log_every",
)
TELLING = {"seed_everything", "data.task", *(f"model.encoder.{n}" for n in ("space", "wavelet.kind", "attention.kind"))}
