import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
import yaml

from wavspa_lit.cli import run as run_command
from wavspa_lit.sweep import _gpus, expand, run

PLAN = {
    "folder": "runs/s",
    "flags": "--trainer.max_steps 2",
    "groups": [
        {
            "configs": {"lego": "lego.yaml --data.n_vars 4"},
            "models": {"ada": "model/ada", "token": "model/transformer"},
            "settings": {"low": "--model.optimizer.lr 1e-4"},
            "seeds": [0, 1],
        }
    ],
}


def test_a_plan_is_all_combinations_each_with_a_directory_of_its_own():
    trainings = expand(PLAN)
    assert [str(each.run) for each in trainings] == [
        *("runs/s/lego-ada-low-seed0", "runs/s/lego-ada-low-seed1"),
        *("runs/s/lego-token-low-seed0", "runs/s/lego-token-low-seed1"),
    ]
    fit, test = trainings[3].commands
    assert shlex.join(fit) == (
        "wavspa fit -c lego.yaml -c model/transformer --data.n_vars 4 --trainer.max_steps 2 --model.optimizer.lr 1e-4 "
        "--seed_everything 1 --data.seed 1 --run runs/s/lego-token-low-seed1"
    )
    assert test == ["wavspa", "test", "--ckpt_path", "runs/s/lego-token-low-seed1/checkpoints/best.ckpt"]
    last = expand(PLAN | {"evaluate": "validate", "checkpoint": "last"})[3].commands[1]
    assert last == ["wavspa", "validate", "--ckpt_path", "runs/s/lego-token-low-seed1/checkpoints/last.ckpt"]


def test_some_of_a_plan(tmp_path, capsys):
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(PLAN))
    assert run([str(file), "--list", "--only", "*token*-seed1"]) == 0
    line = capsys.readouterr().out.strip()
    assert "\n" not in line and "--run runs/s/lego-token-low-seed1" in line
    assert run([str(file), "--only", "text*"]) == 2
    assert "--only 'text*' fits no run; they have names such as lego-ada-low-seed0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change,message",
    [
        ({"group": []}, "'group' is not part of a sweep"),
        ({"evaluate": "fit"}, "evaluate 'fit'"),
        ({"checkpoint": "first"}, "checkpoint 'first': give best or last"),
        ({"groups": []}, "no trainings"),
        ({"groups": [{"models": {"a": "b"}}]}, "needs configs"),
        ({"groups": [{"configs": {"a": "b"}, "seed": 1}]}, "'seed' is not part of a group"),
        ({"groups": PLAN["groups"] * 2}, "occurs twice"),
        ({"groups": [{"configs": ["lego"]}]}, "configs ['lego']: give a name and a text for each"),
        ({"groups": [{"configs": {"a": "b"}, "seeds": 3}]}, "seeds 3: give a list of numbers"),
        ({"groups": PLAN["groups"][0]}, "give a list of mappings"),
        ({"groups": 1}, "groups 1: give a list of mappings"),
        ({"flags": ["--a", 3]}, "flags ['--a', 3]: give flags as one text"),
        ({"folder": None}, "folder None: give a folder"),
        ({"groups": [{"configs": {"a": "lego"}, "seeds": [-1]}]}, "seeds [-1]: give a list of numbers"),
        ({"groups": [{"configs": {"a": "legoo"}}]}, "-c legoo: no such file; did you mean lego?"),
        ({"flags": "--data.seed 7"}, "--data.seed is set for each training; give seeds: [5] in the group"),
        ({"flags": "--run=there"}, "--run is set for each training; give folder"),
    ],
)
def test_plans_that_mean_nothing_are_refused(tmp_path, capsys, change, message):
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(PLAN | change))
    assert run([str(file), "--list"]) == 2
    assert message in capsys.readouterr().err


def test_a_name_that_stands_twice_is_refused(tmp_path, capsys):
    (tmp_path / "plan.yaml").write_text("groups:\n  - configs:\n      lego: lego_small\n      lego: lego\n")
    assert run([str(tmp_path / "plan.yaml"), "--list"]) == 2
    assert "line 3: 'lego' stands twice; give the second another name" in capsys.readouterr().err


def test_no_training_at_a_time_is_refused(capsys):
    with pytest.raises(SystemExit):
        run(["arena", "--list", "--jobs", "0"])
    assert "--jobs: expected a number of at least 1, got 0" in capsys.readouterr().err


def test_a_folder_below_a_file_is_an_error_of_a_line(configs, tmp_path):
    (tmp_path / "file").touch()
    plan = {"folder": "file/runs", "groups": [{"configs": {"lego": f"{configs}/lego.yaml"}}]}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    command = [sys.executable, "-m", "wavspa_lit", "sweep", "plan.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("error: cannot write file/runs: Not a dir")
    assert "Traceback" not in done.stderr


def test_names_may_be_numbers():
    group = {"configs": {"lego": "lego.yaml"}, "settings": {1: "--data.n_vars 4", 0: "--data.n_vars 5"}}
    assert [str(each.run) for each in expand({"folder": 7, "groups": [group]})] == ["7/lego-1-seed0", "7/lego-0-seed0"]


def test_a_training_that_fails_says_why(configs, tmp_path, capfd):
    group = {"configs": {"lego": f"{configs}/lego.yaml --model.encoder.wavelet.name foo"}}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"folder": "runs", "groups": [group]}))
    assert run(["plan.yaml"]) == 1
    assert "lego-seed0.log: error: unknown wavelet 'foo'" in capfd.readouterr().out


def test_shipped_sweeps_are_commands_that_parse(configs, capsys, monkeypatch):
    monkeypatch.chdir(configs.parent)
    for file in sorted(configs.glob("sweeps/*.yaml")):
        capsys.readouterr()
        assert run([str(file), "--list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) >= 24
        seen = {}
        for line in lines:
            words = shlex.split(line.split(" && ")[0])
            seen.setdefault(words[3], words)  # one of each config
        for words in seen.values():
            with pytest.raises(SystemExit) as stop:
                run_command([*words[1:], "--print_config"])
            assert stop.value.code == 0, words


def test_a_sweep_that_comes_with_the_package_is_found_by_name(capsys):
    for name in ("arena", "configs/sweeps/arena.yaml"):
        assert run([name, "--list"]) == 0
        assert "wavspa fit -c configs/" in capsys.readouterr().out
    assert run(["arean", "--list"]) == 2
    assert capsys.readouterr().err == (
        "error: arean: no such file; did you mean arena? `wavspa list sweeps` shows them\n"
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_ends_ends_its_trainings_which_save(number, tiny, configs, tmp_path):
    flags = shlex.join([*tiny[2:], "--trainer.max_epochs", "-1", "--trainer.max_steps", "100000"])
    configs_of = {name: f"{configs}/lego.yaml {flags}" for name in ("one", "two")}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"folder": "runs", "groups": [{"configs": configs_of}]}))
    command = [sys.executable, "-m", "wavspa_lit", "sweep", "plan.yaml"]
    last = tmp_path / "runs" / "one-seed0" / "checkpoints" / "last.ckpt"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as sweep:
        until = time.monotonic() + 120
        while not last.is_file() and time.monotonic() < until:
            time.sleep(0.05)
        first = last.stat().st_mtime_ns
        os.kill(sweep.pid, number) if number == signal.SIGKILL else os.killpg(sweep.pid, number)
        said = sweep.communicate(timeout=60)[1]
    assert said.splitlines()[-1:] == ([] if number == signal.SIGKILL else ["interrupted"]) and "Traceback" not in said
    until = time.monotonic() + 60
    log = tmp_path / "runs" / "one-seed0.log"
    while "Saved" not in log.read_text() and time.monotonic() < until:
        time.sleep(0.1)
    assert "finishing the step and saving" in log.read_text() and last.stat().st_mtime_ns > first
    assert not (tmp_path / "runs" / "two-seed0").exists()


@pytest.mark.parametrize("evaluate", ["test", pytest.param("validate", marks=pytest.mark.slow)])
def test_a_sweep_trains_evaluates_and_is_not_run_again(tiny, configs, tmp_path, capfd, evaluate):
    flags = shlex.join([*tiny[2:], "--trainer.max_epochs", "-1", "--trainer.max_steps", "2"])
    flags += " --trainer.val_check_interval 2"
    models = {"token": f"{configs}/model/transformer.yaml"}
    group = {"configs": {"lego": f"{configs}/lego.yaml {flags}"}, "models": models}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"folder": "runs", "evaluate": evaluate, "groups": [group]}))
    assert run(["plan.yaml"]) == 0
    assert "lego-token-seed0: done, accuracy" in capfd.readouterr().out
    assert run(["plan.yaml"]) == 0
    assert "done before" in capfd.readouterr().out
    results = json.loads((tmp_path / "runs" / "lego-token-seed0" / "results.json").read_text())
    assert evaluate in results and ("test" in results) == (evaluate == "test")


@pytest.mark.parametrize("visible,places", [("", [None]), ("2", ["2"]), ("0,3", ["0", "3"])])
def test_a_sweep_runs_where_the_environment_says(monkeypatch, visible, places):
    """Empty means on the CPU, as for PyTorch."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert _gpus() == places
