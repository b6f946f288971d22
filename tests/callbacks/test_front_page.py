"""What TensorBoard shows of a run."""

import json
import re
import shlex

import pytest
import torch
import yaml
from tensorboard.plugins.custom_scalar.summary import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2

from wavspa_lit.callbacks.front_page import origin
from wavspa_lit.cli import run
from wavspa_lit.reporting.events import Events
from wavspa_lit.reporting.settings import changed, flatten


@pytest.fixture
def trained(lego, tmp_path):
    """A run that was resumed and tested."""
    lego("--run", "r", "--trainer.max_steps", "3", "--model.optimizer.warmup_steps", "1")
    lego("--run", "r", "--trainer.max_steps", "6", "--resume", "--model.optimizer.warmup_steps", "1")
    run(["test", "--ckpt_path", "r/checkpoints/last.ckpt", "--trainer.enable_progress_bar", "false"])
    return tmp_path / "r"


def test_curves_are_few_and_in_order(trained):
    events = Events(trained, pictures=0)
    tags, names = events.all.Tags(), events.names()
    groups = ["1_train", "2_val", "2_val_by_position", "3_test", "4_wavelet"]
    groups += ["4_wavelet_energy", "4_wavelet_entropy", "5_speed"]
    assert sorted({tag.split("/")[0] for tag in tags["scalars"] + tags["images"]}) == groups
    assert {"train/lr/decay", "train/lr/no_decay", "train/epoch", "val/acc_best"} <= set(names)
    assert not [name for name in names if "acc_by" in name]
    assert [name for name in names if "val_by" in name] == [f"val_by_position/{n}" for n in range(1, 5)]
    assert [step for step, _ in events.curve("test/acc")] == [6]
    assert [event.step for event in events.pictures("test/by_position")] == [6]
    assert [event.step for event in events.pictures("val/by_position_over_training")][-1] == 5
    best, accuracies = ([value for _, value in events.curve(name)] for name in ("val/acc_best", "val/acc"))
    assert best == [max(accuracies[: index + 1]) for index in range(len(accuracies))]
    tested = json.loads((trained / "results.json").read_text())["test"]
    assert tested["step"] == 6 and len([name for name in tested if "acc_by_position" in name]) == 4


def test_the_page_says_what_was_run(trained):
    events = Events(trained).all
    texts = {name: events.Tensors(f"{name}/text_summary")[0].tensor_proto for name in ("1_run", "2_model", "3_config")}
    texts = {name: proto.string_val[0].decode() for name, proto in texts.items()}
    assert "torch" in texts["1_run"] and "TokenReasoning at length" in texts["2_model"]
    assert yaml.safe_load(texts["3_config"].strip("`\n"))["model"]["init_args"]["encoder"]["dim"] == 16
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert settings["encoder.dim"].number_value == 16 and settings["data"].string_value == "Lego"
    assert "encoder.max_position" not in settings
    content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
    infos = plugin_data_pb2.HParamsPluginData.FromString(content).experiment.hparam_infos
    first = {"encoder.space", "encoder.wavelet.kind", "encoder.attention.kind", "seed_everything"}
    assert {info.name for info in infos if info.differs} == first
    layout = layout_pb2.Layout.FromString(events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0])
    assert [category.title for category in layout.category] == ["Accuracy", "Loss", "Training", "Blocks", "Speed"]
    patterns = [tag for category in layout.category for chart in category.chart for tag in chart.multiline.tag]
    curves = {pattern: [t for t in events.Tags()["scalars"] if re.match(pattern, t)] for pattern in patterns}
    assert [pattern for pattern, found in curves.items() if not found] == []


def test_a_long_command_is_broken_into_lines_that_still_run(monkeypatch):
    given = ["wavspa", "fit", *[f"--data.some_name_{number}" for number in range(9)], "--data.label", "[width, height]"]
    monkeypatch.setattr("sys.argv", given)
    lines = origin().split("git ")[0].split("versions ")[0].rstrip().splitlines()
    assert len(lines) > 1 and max(map(len, lines)) < 130
    assert shlex.split("\n".join(lines).replace("\\\n", ""))[1:] == given  # as a shell goes on behind a backslash


def test_settings_that_differ_from_the_defaults(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "1", "--model.encoder.wavelet.name", "db2")
    config = yaml.safe_load((tmp_path / "r" / "config.yaml").read_text())
    found = changed(config)
    assert found["model.encoder.wavelet.name"] == "db2" and found["trainer.max_steps"] == 1
    assert "model.encoder.wavelet.mode" not in found and "model.optimizer.beta1" not in found
    assert flatten({"a": {"class_path": "x.Y", "init_args": {"b": [1, 2], "c": {"d": 0.5}}}}) == {
        **{"a": "Y", "a.b": "[1, 2]", "a.c.d": 0.5}
    }


def test_checkpoints_without_names_of_groups_resume_with_them(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "3")
    last = tmp_path / "r" / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(last, weights_only=True)
    for group in checkpoint["optimizer_states"][0]["param_groups"]:
        assert group.pop("name") in ("decay", "no_decay")
    torch.save(checkpoint, last)
    lego("--run", "r", "--trainer.max_steps", "6", "--resume")
    assert Events(tmp_path / "r").curve("train/lr/no_decay")[-1][0] == 5
