"""Trainings that torchrun starts, as docs/cluster.md says it."""

import glob
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

FLAGS = ["--trainer.max_steps", "3", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
PARSE = """
import importlib.util, sys
import torch.distributed.argparse_util as util, torch.distributed.run as launcher
*parsers, documented, other = sys.argv[1:]
for file in ("", *parsers):
    if file:
        found = importlib.util.spec_from_file_location("argparse", file)
        sys.modules["argparse"] = importlib.util.module_from_spec(found)
        found.loader.exec_module(sys.modules["argparse"])
        importlib.reload(util), importlib.reload(launcher)
    for words in (documented, other):
        parsed = launcher.get_args_parser().parse_args(words.split())
        print(parsed.training_script, *parsed.training_script_args)
"""


@pytest.fixture
def documented(configs):
    """The words of the line in docs/cluster.md."""
    line = (configs.parent / "docs" / "cluster.md").read_text().split("## torchrun", 1)[1].split("```")[1]
    words = line.removeprefix("sh").replace("\\\n", " ").split()
    assert words[0] == "torchrun" and "--run" in words
    return words


def test_torchrun_leaves_the_flags_of_the_documented_line_to_us(documented):
    """By the argparse of each Python on this machine, `--run` is not taken for torchrun's `--run-path`."""
    roots = ("/usr", "/usr/local", Path.home() / ".pyenv" / "versions" / "*")
    parsers = [file for root in roots for file in glob.glob(f"{root}/lib/python3.1[1-9]/argparse.py")]
    ours = documented[documented.index("fit") :]
    module = [*documented[1 : documented.index("--no-python")], "-m", "--", "wavspa_lit", *ours]
    command = [sys.executable, "-c", PARSE, *parsers, " ".join(documented[1:]), " ".join(module)]
    shown = subprocess.check_output(command, text=True).splitlines()
    assert shown == [f"wavspa {' '.join(ours)}", f"wavspa_lit {' '.join(ours)}"] * (1 + len(parsers))


@pytest.mark.slow
def test_torchrun_trains_one_run(tiny, tmp_path):
    """Ranks that another program starts share the run directory that they are given."""
    run = ("--run", "runs/lego/adaptive")  # they cannot agree on a name
    command = [*LAUNCHER, "--nproc-per-node", "2", "-m", "--", "wavspa_lit", "fit", *tiny, *FLAGS, *run]
    subprocess.run(command, check=True)
    assert [path.name for path in (tmp_path / "runs" / "lego").iterdir()] == ["adaptive"]
    last = torch.load(tmp_path / "runs" / "lego" / "adaptive" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 3


@pytest.mark.slow
def test_the_documented_line_trains(documented, tiny, tmp_path):
    """With other numbers; `--run` must reach us, not torchrun."""
    words = ["2" if word == "4" else word for word in documented]
    words[words.index("configs/text.yaml")] = tiny[tiny.index("-c") + 1]
    wavspa = tmp_path / "bin" / "wavspa"
    wavspa.parent.mkdir()
    wavspa.write_text(f'#!/bin/sh\nexec {sys.executable} -m wavspa_lit "$@"\n')
    wavspa.chmod(0o755)
    environment = {**os.environ, "PATH": f"{wavspa.parent}:{os.environ['PATH']}"}
    subprocess.run([*LAUNCHER, *words[1:], *tiny[2:], *FLAGS], check=True, env=environment)
    last = torch.load(tmp_path / "runs" / "text" / "four" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 3
