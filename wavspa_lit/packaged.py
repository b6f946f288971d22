"""Configs by name: a file of the user's, or one that comes with the package. Plain Python."""

from pathlib import Path

from wavspa_lit.choices import nearest

HERE = Path(__file__).parent
FOLDER = HERE / "configs" if (HERE / "configs").is_dir() else HERE.parent / "configs"
"""Where the configs are: in an installed wheel inside the package, in the repository beside it."""


def list_configs(*, sweeps: bool = False) -> dict[str, Path]:
    """Files by the names that `-c` takes: those in ./configs, and those of the package that these do not replace.

    Those in configs/sweeps are of another kind, which `wavspa sweep` takes: with `sweeps`, these alone are listed.
    """
    return {
        f"configs/{file.relative_to(folder)}": file
        for folder in (FOLDER, Path("configs"))
        for file in sorted(folder.rglob("*.yaml"))
        if (file.parent.name == "sweeps") == sweeps
    }


def find_config(name: str, *, sweeps: bool = False) -> Path:
    """The file that `-c` means: a path, with or without .yaml, or a name such as `lego` or `model/ada`.

    With `sweeps`, the file that `wavspa sweep` means; a name is then one such as `arena`.

    Raises:
        ValueError: If there is no such file; says the nearest name.
    """
    for path in (Path(name), Path(f"{name}.yaml")):
        if path.is_file():
            return path
    front, kind, given = ("configs/sweeps/", "sweeps", "") if sweeps else ("configs/", "configs", "-c ")
    files = list_configs(sweeps=sweeps)
    known = {key.removeprefix(front).removesuffix(".yaml"): file for key, file in files.items()}
    short = name.removeprefix("./").removeprefix(front).removesuffix(".yaml")
    if short in known:
        return known[short]
    if Path(name).is_dir():
        inside = "config.yaml" if not sweeps else "plan.yaml"
        raise ValueError(f"{given}{name} is a folder; give a file, such as {name.rstrip('/')}/{inside}")
    raise ValueError(f"{given}{name}: no such file; {nearest(short, known)} `wavspa list {kind}` shows them")
