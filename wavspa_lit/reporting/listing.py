"""`wavspa list`: what can be chosen, and what has been trained."""

import ast
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from wavspa_lit.choices import nearest
from wavspa_lit.packaged import HERE, list_configs
from wavspa_lit.reporting.runs import headline, read_results, run_of


def run(arguments: Sequence[str]) -> None:
    """Prints all lists, or those that are named."""
    for name in arguments:
        if name not in LISTS:
            sys.stderr.write(f"error: unknown list {name!r}; {nearest(name, LISTS)} Known: {', '.join(LISTS)}\n")
            sys.exit(2)
    for name in arguments or LISTS:
        print(f"{name}:")
        for line in LISTS[name]():
            print(f"  {line}")


def _data() -> list[str]:
    return _summaries("datamodules", leave_out="SequenceDataModule")


def _tasks() -> list[str]:
    return _summaries("wavspa_lit/tasks", leave_out="Task")


def _models() -> list[str]:
    choices = {
        "encoder.space": "nn",
        "encoder.wavelet.kind": "wavelets",
        "encoder.attention.kind": "attention",
        "encoder.positions": "nn",
    }
    return [
        f"--model.{name:<24} {', '.join(_choices(HERE / folder / 'config.py', name.rsplit('.')[-1]))}"
        for name, folder in choices.items()
    ]


def _summaries(package: str, leave_out: str) -> list[str]:
    """The public classes of a package with the first lines of their docstrings, read without running its code."""
    folder, classes = HERE.parent / package, {}
    for file in folder.rglob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                classes[node.name] = (ast.get_docstring(node) or "").split("\n")[0]
    (public,) = (
        ast.literal_eval(node.value)
        for node in ast.parse((folder / "__init__.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return [f"{name:<24} {classes[name]}" for name in public if name in classes and name != leave_out]


def _choices(file: Path, field: str) -> list[str]:
    """The names in the `Literal[...]` of a config's field, read without running its code."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == field:
            return [str(each.value) for each in ast.walk(node.annotation) if isinstance(each, ast.Constant)]
    raise AssertionError(f"{file} has no field {field}")


def _configs(*, sweeps: bool = False) -> list[str]:
    first = {
        name: next(iter(file.read_text(errors="replace").splitlines()), "empty")
        for name, file in list_configs(sweeps=sweeps).items()
    }
    return [f"{name}: {line.lstrip('# ')}" for name, line in first.items()]


def _runs() -> list[str]:
    lines = []
    for folder in ("runs", "checkpoints"):
        for checkpoint in sorted(Path(folder).rglob("*.ckpt")):
            run = run_of(checkpoint)
            results = read_results(run) if (run / "results.json").is_file() else {}
            test = results.get("test", {})
            tested = (run / test.get("checkpoint", "")).resolve() == checkpoint.resolve()
            reached = headline(test, "test") if tested else ""
            lines.append(f"{checkpoint}" + (f"  test {reached}" if reached else ""))
    return lines or ["none in ./runs"]


LISTS: dict[str, Callable[[], list[str]]] = {
    **{"data": _data, "tasks": _tasks, "models": _models, "configs": _configs},
    **{"sweeps": partial(_configs, sweeps=True), "runs": _runs},
}
