"""Configs by name: a file of the user's, or one that comes with the package. Plain Python."""

from pathlib import Path

from wavspa_lit.choices import nearest

HERE = Path(__file__).parent
FOLDER = HERE / "configs" if (HERE / "configs").is_dir() else HERE.parent / "configs"
"""Where the configs are: in an installed wheel inside the package, in the repository beside it."""


def list_configs() -> dict[str, Path]:
    """Files by the names that `-c` takes: those in ./configs, and those of the package that these do not replace.

    Those in configs/sweeps are left out, because `wavspa sweep` takes them.
    """
    return {
        f"configs/{file.relative_to(folder)}": file
        for folder in (FOLDER, Path("configs"))
        for file in sorted(folder.rglob("*.yaml"))
        if file.parent.name != "sweeps"
    }


def find_config(name: str) -> Path:
    """The file that `-c` means: a path, with or without .yaml, or a name such as `lego` or `model/ada`.

    Raises:
        ValueError: If there is no such file; says the nearest name.
    """
    for path in (Path(name), Path(f"{name}.yaml")):
        if path.is_file():
            return path
    known = {key.removeprefix("configs/").removesuffix(".yaml"): file for key, file in list_configs().items()}
    short = name.removeprefix("./").removeprefix("configs/").removesuffix(".yaml")
    if short in known:
        return known[short]
    if Path(name).is_dir():
        raise ValueError(f"-c {name} is a folder; give a file, such as {name.rstrip('/')}/config.yaml")
    raise ValueError(f"-c {name}: no such file; {nearest(short, known)} `wavspa list configs` shows them")
