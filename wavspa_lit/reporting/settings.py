"""The settings of a run as one flat table."""

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, is_dataclass
from importlib import import_module
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


def defaults(class_path: str) -> dict[str, Value]:
    """The default settings of a class and of its bases, flat; arguments that are dataclasses give their fields'."""
    module, name = class_path.rsplit(".", 1)
    found: dict[str, Value] = {}
    for kind in reversed(getattr(import_module(module), name).__mro__[:-1]):
        for argument in inspect.signature(kind).parameters.values():
            found |= _default(argument.name, argument.annotation, argument.default)
    return found


def _default(name: str, annotation: Any, value: Any) -> dict[str, Value]:
    if is_dataclass(annotation) and isinstance(annotation, type):
        found: dict[str, Value] = {}
        for field in annotation.__dataclass_fields__.values():
            default = field.default_factory if field.default is MISSING else field.default
            found |= _default(f"{name}.{field.name}", field.type, default)
        return found
    return {} if value in (inspect.Parameter.empty, MISSING) or callable(value) else flatten(value, name)


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
