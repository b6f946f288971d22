"""Layers import downwards only, and data and models know nothing of each other."""

import ast

import pytest

LAYERS = ("wavelets", "attention", "spaces", "nn", "official")
ABOVE = ("tasks", "callbacks", "reporting", "training", "cli")
COMMAND_LINE = ("cli.py", "arguments.py", "console.py", "flags.py", "__main__.py")


def imported(folder, skipped=()):
    """The modules that the files below a folder import, inside functions, too."""
    names = set()
    for file in folder.rglob("*.py"):
        if file.name in skipped:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("layer", [*LAYERS, "optim"])
def test_a_layer_imports_lower_ones_only(configs, layer):
    names = imported(configs.parent / "wavspa_lit" / layer)
    higher = [*(LAYERS[LAYERS.index(layer) + 1 :] if layer in LAYERS else LAYERS), *ABOVE]
    assert not {name for name in names for other in higher if f"{name}.".startswith(f"wavspa_lit.{other}.")}
    assert not {name for name in names if name.partition(".")[0] in ("lightning", "datamodules")}


def test_only_the_command_line_knows_data_and_models(configs):
    root = configs.parent
    data, models = imported(root / "datamodules"), imported(root / "wavspa_lit", COMMAND_LINE)
    assert not {name for name in data if name.partition(".")[0] == "wavspa_lit"}
    assert not {name for name in models if name.partition(".")[0] == "datamodules"}
