"""The documentation is true: its links lead somewhere, its programs run, its commands are understood."""

import contextlib
import importlib.util
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from wavspa_lit import __main__ as entry
from wavspa_lit.choices import from_plain, imports
from wavspa_lit.cli import run
from wavspa_lit.nn import EncoderConfig
from wavspa_lit.optim import OptimizerConfig

HERE = Path(__file__).parent.parent
PAGES = [HERE / "README.md", HERE / "CONTRIBUTING.md", *sorted((HERE / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LANGUAGES = {"python", "sh", "yaml", ""}
"""What blocks are written in; a block without a language is what a program prints."""
TOOLS = ("wavspa", "make", "python", "pip", "pytest", "torchrun", "srun", "sbatch", "scontrol", "tensorboard")
"""Programs that are not run here: the shell that reads the page's commands finds recorders in their places."""
RECORDER = """#!{python}
import json, os, sys
with open({log!r}, "a") as file:
    file.write(json.dumps([os.path.relpath(sys.argv[0], {bin!r}), *sys.argv[1:]]) + "\\n")
"""


def blocks_of(page):
    """The language and the text of each block of a page."""
    return [(match[1], match[2]) for match in BLOCK.finditer(page.read_text())]


def commands_of(page):
    """The commands of a page: blocks of them, and those within sentences that have no place left to fill in."""
    within = [" ".join(text.split()) for text in re.findall(r"`(wavspa [a-z][^`]*)`", page.read_text())]
    whole = [text for text in within if not re.search(r"…|\.\.\.|\||\b[A-Z]{2,}\b|--help|^[a-z ]{1,16}$", text)]
    return [text for language, text in blocks_of(page) if language == "sh"] + whole


def program(text, page):
    """A block as code whose lines have the numbers of the page."""
    before = page.read_text().split(text)[0].count("\n")
    return compile("\n" * before + text, str(page), "exec")


def pages_with(language):
    return [pytest.param(page, id=page.name) for page in PAGES if language in dict(blocks_of(page))]


@pytest.fixture
def folder(request, tmp_path, monkeypatch):
    """An empty working directory with the files that the page's blocks name in their first line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(HERE / "examples")
    names = []
    for _, text in blocks_of(request.getfixturevalue("page")):
        if match := re.match(r"# (\w+\.(?:py|yaml))\n", text):
            (tmp_path / match[1]).write_text(text)
            names.append(Path(match[1]).stem)
    yield tmp_path
    for name in names:
        sys.modules.pop(name, None)


def test_links_lead_somewhere():
    broken = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_links_within_pages_lead_to_a_heading():
    broken = []
    for page in PAGES:
        for target, heading in re.findall(r"\]\(([^)#\s]*)#([^)]+)\)", page.read_text()):
            other = page.parent / target if target else page
            if "://" not in target and other.suffix == ".md":
                titles = re.findall(r"^#+ (.*)$", other.read_text(), re.MULTILINE)
                slugs = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}
                broken += [] if heading in slugs else [f"{page.name}: {target}#{heading}"]
    assert broken == []


def test_every_page_is_in_the_contents():
    contents = yaml.safe_load((HERE / "mkdocs.yml").read_text())["nav"]
    named = re.findall(r"[\w-]+\.md", str(contents))
    assert sorted(named) == sorted(page.name for page in PAGES if page.parent == HERE / "docs")


def test_every_block_has_a_language_that_is_tested():
    wrong = [(page.name, language) for page in PAGES for language, _ in blocks_of(page) if language not in LANGUAGES]
    assert wrong == []


@pytest.mark.parametrize("page", pages_with("python"))
def test_programs_run(page, folder):
    """The programs of a page, one after another, each with the names of those before it."""
    names = {"__name__": page.stem}
    for language, text in blocks_of(page):
        if language == "python":
            exec(program(text, page), names)


@pytest.mark.parametrize("page", pages_with("yaml"))
def test_configs_can_be_read(page, folder):
    for language, text in blocks_of(page):
        assert language != "yaml" or isinstance(yaml.safe_load(text), dict)


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES if commands_of(page)])
def test_commands_are_understood(page, folder):
    """A real shell reads the page's commands; each program that they would start is asked whether it takes them."""
    commands = [command for text in commands_of(page) for command in recorded(text, folder)]
    assert commands
    asked, trained = set(), {}
    for command in commands:
        while command[0] in ("srun", "torchrun"):
            command = command[command.index("wavspa") :]
        if command[:3] == ["wavspa", "fit", "-c"]:
            words = packaged(without(command[2:], switches=["--resume"]))
            trained |= {option(command, "--run"): words, "latest": words}
        if str(command) not in asked:
            asked.add(str(command))
            CHECKS.get(Path(command[0]).name, script)(command, trained)


def recorded(text, folder):
    """The commands that a shell starts when it runs a block, as lists of words."""
    bin, log = folder / "bin", folder / "log"
    log.write_text("")
    scripts = [f"scripts/{path.name}" for path in (HERE / "scripts").glob("*.sh")]
    for name in (*TOOLS, *scripts, ".venv/bin/pre-commit"):
        # Scripts are called by their path from the checkout, other programs by their names.
        file = (folder if "/" in name else bin) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(RECORDER.format(python=sys.executable, log=str(log), bin=str(file.parents[name.count("/")])))
        file.chmod(0o755)
    (folder / ".venv" / "bin" / "activate").touch()
    environment = {"PATH": f"{bin}:/usr/bin:/bin", "SLURM_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "1"}
    shell = subprocess.run(["bash", "-c", text], cwd=folder, env=environment, capture_output=True, text=True)
    assert not shell.stderr, f"{shell.stderr}\nin\n{text}"
    return [json.loads(line) for line in log.read_text().splitlines()]


def option(command, name):
    """The value of an option, or None."""
    return command[command.index(name) + 1] if name in command else None


def without(arguments, *names, switches=()):
    """The arguments without options that have a value, and without switches."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument not in names and argument not in switches:
            kept.append(argument)
        skip = not skip and argument in names
    return kept


def output_of(function, arguments):
    """What a command prints; it must end well."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = function(arguments)
        except SystemExit as stop:
            code = stop.code
    assert code in (None, 0) or not isinstance(code, int | str), f"{arguments}: {err.getvalue()}"
    return out.getvalue()


def packaged(arguments):
    """The arguments with configs of the checkout by their whole paths."""
    return [str(HERE / each) if each.startswith("configs/") else each for each in arguments]


def wavspa(command, trained):
    name, arguments = command[1], packaged(command[2:])
    assert name in entry.COMMANDS, command
    if name in ("fit", "test", "validate", "predict", "describe"):
        training(name, arguments, trained)
    elif name == "sweep":
        file = arguments[0] if not (HERE / arguments[0]).is_file() else HERE / arguments[0]  # or a name
        assert output_of(entry._run, ["sweep", str(file), *arguments[1:], "--list"]).count("wavspa fit") >= 1
    elif name == "list":
        output_of(entry._run, ["list", *arguments])
    else:
        words = arguments[:2] if name == "data" else []
        known = output_of(entry._run, [name, *words, "--help"])
        flags = [argument.replace("--data.", "--") for argument in arguments if argument.startswith("--")]
        assert [flag for flag in flags if flag not in known] == [], command


def training(name, arguments, trained):
    """Parses a command of the trainer, and builds the description of its model but not the model."""
    checkpoint = option(arguments, "--ckpt_path")
    directory = str(Path(checkpoint).parent.parent) if checkpoint else option(arguments, "--run")
    arguments = without(arguments, "--ckpt_path", "--length", switches=("--resume", "--trust"))
    if not {"-c", "--config"} & set(arguments):
        arguments = [*config_of(directory, trained), *arguments]
    printed = output_of(run, ["fit" if name == "describe" else name, *arguments, "--print_config"])
    settings = yaml.safe_load(printed)["model"]["init_args"]
    with imports(True):
        from_plain(EncoderConfig, settings["encoder"], "encoder")
    from_plain(OptimizerConfig, settings["optimizer"], "optimizer")


def config_of(directory, trained):
    """Flags with the config of a run: as trained on the page, as it ships, or of the task that names its folder."""
    if directory in trained:
        return trained[directory]
    task = directory.split("/")[1].split("-")[0]
    for file in (HERE / directory / "config.yaml", HERE / "configs" / f"{task}.yaml"):
        if file.is_file():
            return ["-c", str(file)]
    return trained["latest"]


def make(command, trained):
    targets = re.findall(r"^([\w-]+):", (HERE / "Makefile").read_text(), re.MULTILINE)
    assert [word for word in command[1:] if "=" not in word and word not in targets] == [], command


def python(command, trained):
    if command[1] == "-m":
        assert importlib.util.find_spec(command[2]), command
        return
    file = HERE / command[1]
    assert file.is_file(), command
    flags = [word.split("=")[0] for word in command if word.startswith("--")]
    assert [flag for flag in flags if flag not in file.read_text()] == [], command


def script(command, trained):
    assert (HERE / command[0]).is_file() or command[0] in (*TOOLS, ".venv/bin/pre-commit"), command


CHECKS = {"wavspa": wavspa, "make": make, "python": python}
