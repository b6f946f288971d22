"""What surrounds a command: folders of the user's, closed pipes, kills, an installation without the repository."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
import yaml

import datamodules
import wavspa_lit.tasks
from wavspa_lit.attention import AttentionConfig
from wavspa_lit.choices import names_of
from wavspa_lit.cli import run
from wavspa_lit.nn import EncoderConfig
from wavspa_lit.wavelets import WaveletConfig

MODULE = [sys.executable, "-m", "wavspa_lit"]
PLACE = """
import os, sys, types
from wavspa_lit.__main__ import main
assert "torch" not in sys.modules  # which looks for the folder when it is imported
sys.modules["wavspa_lit.cli"] = types.SimpleNamespace(main=lambda: print(os.environ["TORCHINDUCTOR_CACHE_DIR"]))
sys.argv = ["wavspa", "fit"]
main()
"""
"""A command that says where compiled code lies, instead of training."""


def test_folders_of_the_users_hide_nothing(tmp_path):
    for name in ("datamodules", "configs", "tests", "lightning"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    shown = subprocess.check_output([*MODULE, "fit", "-c", "lego", "--print_config"], text=True)
    assert yaml.safe_load(shown)["data"]["class_path"] == "datamodules.Lego"


def test_workers_of_a_generator_find_our_datamodules_beside_the_users(tmp_path):
    (tmp_path / "datamodules").mkdir()
    (tmp_path / "datamodules" / "__init__.py").touch()
    sizes = ["--num_train", "10000", "--num_val", "8", "--num_test", "8", "--min_length", "5", "--max_length", "40"]
    done = subprocess.run([*MODULE, "data", "prepare", "listops", "--root", "d", *sizes], env=_environment("."))
    assert done.returncode == 0


def test_a_config_of_the_users_replaces_ours(tmp_path, refused):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "lego.yaml").write_text(
        "model: TokenReasoning\ndata: {class_path: Lego, init_args: {n_vars: 99}}"
    )
    assert "n_vars must lie between" in refused("fit", "-c", "lego", "-c", "model/ada")
    assert "did you mean lego?" in refused("fit", "-c", "lgeo")


def test_what_is_not_read_is_not_said():
    """As with `wavspa list models | head -n 1`, when head has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*MODULE, "list"], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.stderr == "" and done.returncode == 1


def test_without_an_output_nothing_fails():
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *MODULE, "list", "models"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("data", [("listops",), ("pathfinder", "--source", "generate", "--resolution", "128")])
def test_an_interruption_is_no_traceback(data):
    """The processes that generate are interrupted as well, as by Ctrl-C on a terminal, and do no more work."""
    command = [*MODULE, "data", "prepare", *data, "--root", "d"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as preparing:
        assert "0%" in preparing.stderr.read(40)
        time.sleep(1)
        os.killpg(preparing.pid, signal.SIGINT)
        try:
            said = preparing.communicate(timeout=20)[1]  # a part of Pathfinder takes longer
        finally:
            preparing.kill()
    assert preparing.returncode == 130 and "Traceback" not in said and "interrupted" in said


def test_lists_come_without_torch():
    code = "import sys; sys.argv = ['wavspa', 'list']; from wavspa_lit.__main__ import main; main()"
    out = subprocess.check_output([sys.executable, "-c", f"{code}; print('torch' in sys.modules)"], text=True)
    assert out.splitlines()[-1] == "False"
    assert "configs/sweeps/arena.yaml" in out
    for name in (*datamodules.__all__, *wavspa_lit.tasks.__all__):
        assert (f"  {name} " in out) == (name not in ("SequenceDataModule", "Task", "load")), name
    for config, field in ((EncoderConfig, "space"), (WaveletConfig, "kind"), (AttentionConfig, "kind")):
        assert f" {', '.join(names_of(get_type_hints(config)[field]))}\n" in out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    "work",
    [
        "from datamodules.workers import start_pool; pool = start_pool(2)\n"
        "for each in [pool.submit(time.sleep, 0.1) for _ in range(4)]: each.result()",
        "from datamodules import Lego; data = Lego(n_vars=4, n_train_vars=2, num_train=64, num_workers=2)\n"
        "batches = iter(data.train_dataloader()); next(batches)",
    ],
)
def test_workers_end_with_a_parent_that_is_killed(work):
    lines = [*work.splitlines(), "print('ready', flush=True)", "time.sleep(60)"]
    command = [sys.executable, "-c", "\n ".join(["import time\nif __name__ == '__main__':", *lines])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as parent:
        assert parent.stdout.readline() == b"ready\n"
        assert len(_members(parent.pid)) >= 3
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while _members(parent.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _members(parent.pid)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_ranks_and_their_workers_end_with_the_first_that_is_killed(tiny, tmp_path):
    flags = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.num_workers", "1", "--run", "r"]
    command = [*MODULE, "fit", *tiny, *flags, "--trainer.max_steps", "100000"]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as training:
        until = time.monotonic() + 120
        while not (tmp_path / "r" / "checkpoints" / "last.ckpt").is_file() and time.monotonic() < until:
            time.sleep(0.05)
        assert len(_members(training.pid)) >= 4
        training.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while _members(training.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _members(training.pid)


def test_without_a_folder_for_compiled_code_the_slow_path_serves(tmp_path):
    (tmp_path / "file").touch()
    code = "import torch; from wavspa_lit.wavelets import wavedec\nwavedec(torch.ones(4, 8192, 64), 'db4', 2); print(3)"
    environment = _environment(TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "file" / "cache"))
    assert subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], env=environment, text=True) == "3\n"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_command_finds_another_folder_for_compiled_code(kind, tmp_path):
    (tmp_path / "file").touch()
    place = str(tmp_path / "file" / "cache") if kind == "file" else "/proc"
    environment = _environment(TORCHINDUCTOR_CACHE_DIR=place)
    done = subprocess.run([sys.executable, "-c", PLACE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.startswith(
        f"warning: TORCHINDUCTOR_CACHE_DIR {place} cannot be written"
    )
    assert not Path(done.stderr.split("lies in ")[1].split(",")[0]).exists()


def test_compiled_code_lies_in_the_users_cache(tmp_path):
    environment = _environment(XDG_CACHE_HOME=str(tmp_path))
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
    printed = subprocess.check_output([sys.executable, "-c", PLACE], env=environment, text=True)
    assert printed.splitlines()[-1] == str(tmp_path / "wavspa_lit" / "compiled")


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_a_user_without_a_name_and_a_home_trains_and_compiles(tiny):
    place = tempfile.mkdtemp()  # pytest's own folders are closed to others
    os.chmod(place, 0o777)
    somebody = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
    somebody += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # to read this environment
    code = (
        "import torch; from wavspa_lit.__main__ import main; main()\n"
        "from wavspa_lit.wavelets import wavedec; wavedec(torch.ones(4, 8192, 64), 'db4', 2)"  # which compiles
    )
    command = [*somebody, sys.executable, "-c", code]
    command += ["fit", *tiny, "--trainer.max_steps", "1"]
    path = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=place, env=path, capture_output=True, text=True)
    assert done.returncode == 0 and "C++ compiler" not in done.stderr, done.stderr
    assert (Path(place) / "runs" / "lego" / "adaptive" / "checkpoints" / "last.ckpt").is_file()
    shutil.rmtree(place)


@pytest.mark.slow
def test_two_interruptions_at_once_end_a_training_that_resumes(tiny, tmp_path):
    command = [*MODULE, "fit", *tiny, "--data.num_workers", "2", "--trainer.max_steps", "100000", "--run", "r"]
    last = tmp_path / "r" / "checkpoints" / "last.ckpt"
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as training:
        until = time.monotonic() + 120
        while not last.is_file() and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(training.pid, signal.SIGINT)
        os.killpg(training.pid, signal.SIGINT)
        training.wait(60)
    step = torch.load(last, weights_only=True)["global_step"]
    more = ["--trainer.max_steps", str(step + 2), "--trainer.enable_progress_bar", "false"]
    assert run(["fit", "--ckpt_path", str(last), *more]).trainer.global_step == step + 2


@pytest.mark.slow
def test_a_wheel_has_its_configs(tmp_path, configs):
    """Built, installed beside the packages of this environment, and run in an empty folder."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("wavspa_lit", "datamodules", "configs"):
        shutil.copytree(configs.parent / name, source / name)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(configs.parent / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([*pip, *build, str(source)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=False, system_site_packages=False)
    python = tmp_path / "venv" / "bin" / "python"
    own = tmp_path / "venv" / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    install = ["--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, *install], check=True)
    (own / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    (tmp_path / "empty").mkdir()

    def wavspa(*arguments):
        return subprocess.check_output([python.parent / "wavspa", *arguments], cwd=tmp_path / "empty", text=True)

    assert "configs/model/ada.yaml" in wavspa("list", "configs")
    for overlay in ("model/ada", "configs/model/ada.yaml"):
        shown = yaml.safe_load(wavspa("fit", "-c", "configs/lego.yaml", "-c", overlay, "--print_config"))
        assert shown["model"]["init_args"]["encoder"]["wavelet"]["kind"] == "adaptive"


def _environment(path=None, **variables):
    return {**os.environ, **variables, **({} if path is None else {"PYTHONPATH": path})}


def _members(group):
    """Processes of a process group that have not ended."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                state, _, member_of = file.read().rsplit(")", 1)[1].split()[:3]
        except OSError:
            continue
        if int(member_of) == group and state != "Z":
            found.append(int(name))
    return found
