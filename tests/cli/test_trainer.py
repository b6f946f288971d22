"""What a user trusts the trainer with: resuming, warm starts, what is said, lists."""

import logging
import shutil
import sys
from pathlib import Path

import pytest
import torch
import yaml
from torch.distributed.fsdp import FullyShardedDataParallel, OptimStateKeyType

import wavspa_lit.__main__ as entry
from wavspa_lit.callbacks import Compilation
from wavspa_lit.cli import run
from wavspa_lit.reporting.events import Events
from wavspa_lit.reporting.runs import latest_run, new_run
from wavspa_lit.speed import CompiledMethod, compile_blocks


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def curve(folder, name):
    return dict(Events(folder).curve(name))


def test_resume_finds_the_latest_run_of_the_config(lego, tmp_path, configs, refused):
    assert "start without --resume" in refused("fit", "-c", str(configs / "lego.yaml"), "--resume")
    lego("--trainer.max_steps", "3")
    lego("--trainer.max_steps", "6", "--resume")
    folder = tmp_path / "runs" / "lego"
    assert [path.name for path in folder.iterdir()] == ["adaptive"]
    last = torch.load(folder / "adaptive" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 6 and sorted(curve(folder / "adaptive", "train/loss")) == [0, 1, 2, 3, 4, 5]


def test_changed_optimiser_settings_are_reported(lego):
    lego("--trainer.max_steps", "3", "--run", "r")
    with pytest.warns(UserWarning, match=r"optimizer.lr: 0.0005 .*the checkpoint's value stays"):
        lego("--trainer.max_steps", "4", "--run", "r", "--resume", "--model.optimizer.lr", "0.1")


def test_later_checkpoints_keep_the_learning_rate_that_was_trained_with(lego):
    lego("--trainer.max_steps", "2", "--run", "r")
    for steps in ("3", "4"):
        with pytest.warns(UserWarning, match=r"optimizer.lr: 0.0005 in the checkpoint, 0.1 now"):
            lego("--trainer.max_steps", steps, "--run", "r", "--resume", "--model.optimizer.lr", "0.1")


def test_a_longer_training_is_said_to_change_the_schedule(lego, recwarn):
    options = ("--run", "r", "--model.optimizer.warmup_steps", "1")
    lego("--trainer.max_steps", "4", *options)
    lego("--trainer.max_steps", "4", "--resume", *options)
    assert not [w for w in recwarn if "another schedule" in str(w.message)]
    with pytest.warns(UserWarning, match="the learning rate was to be 0 and is 0.000"):
        lego("--trainer.max_steps", "8", "--resume", *options)


def test_a_run_without_a_checkpoint_can_be_started_again(lego, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "config.yaml").touch()  # so a job leaves it that is killed before its first validation
    assert lego("--trainer.max_steps", "1", "--run", "r").trainer.global_step == 1


def test_a_resumed_warm_start_no_longer_needs_its_source(lego, tmp_path):
    lego("--trainer.max_steps", "1", "--run", "first")
    lego("--trainer.max_steps", "1", "--run", "second", "--init_from", "first/checkpoints/last.ckpt")
    (tmp_path / "first").rename(tmp_path / "elsewhere")
    assert run(["fit", "--run", "second", "--resume", "--trainer.max_steps", "2"]).trainer.global_step == 2


def test_runs_are_numbered_after_those_that_are_left(tmp_path):
    for name in ("ada", "ada-3", "ada-bad", "adaptive-7"):
        (tmp_path / "runs" / "lego" / name).mkdir(parents=True)
    assert latest_run("lego", "ada") == Path("runs/lego/ada-3")
    assert new_run("lego", "ada") == Path("runs/lego/ada-4")
    assert latest_run("lego", "other") is None and new_run("lego", "other") == Path("runs/lego/other")


def test_a_warm_start_takes_weights_only(lego, tmp_path, capsys):
    lego("--trainer.max_steps", "3", "--run", "first")
    first = tmp_path / "first" / "checkpoints" / "last.ckpt"
    cli = lego(
        "--trainer.max_steps", "1", "--run", "second", "--init_from", str(first), "--model.optimizer.lr", "1e-30"
    )
    assert "parameters from" in capsys.readouterr().out
    after = weights(tmp_path / "second" / "checkpoints" / "last.ckpt")
    assert all(torch.equal(value, after[name]) for name, value in weights(first).items())
    assert cli.trainer.global_step == 1
    with pytest.raises(SystemExit):
        lego("--run", "third", "--init_from", str(first), "--model.encoder.dim", "32")
    assert "has another shape" in capsys.readouterr().err


def test_fsdp_finds_the_optimizer_state_of_each_parameter(lego):
    """It goes by the order of the module's parameters; a training on one device can continue on several."""
    trained = lego("--run", "r", "--trainer.max_steps", "3")
    (saved,) = torch.load("r/checkpoints/last.ckpt", weights_only=True)["optimizer_states"]
    named = FullyShardedDataParallel.rekey_optim_state_dict(saved, OptimStateKeyType.PARAM_NAME, trained.model)
    (optimizer,) = trained.trainer.optimizers
    for name, parameter in trained.model.named_parameters():
        assert torch.equal(named["state"][name]["exp_avg"], optimizer.state[parameter]["exp_avg"]), name
    groups = [{id(p) for p in group["params"]} for group in optimizer.param_groups]
    names = [{id(trained.model.get_parameter(n)) for n in group["params"]} for group in named["param_groups"]]
    assert names == groups


def test_a_training_says_what_it_trains_and_where_its_results_are(lego, caplog):
    logger = logging.getLogger("lightning.pytorch")
    logger.addHandler(caplog.handler)
    cli = lego("--run", "somewhere/r", "--trainer.max_steps", "1")
    logger.removeHandler(caplog.handler)
    parameters = sum(parameter.numel() for parameter in cli.model.parameters())
    line = f"TokenReasoning with {parameters:,} parameters; checkpoints, curves and results: somewhere/r"
    assert line in caplog.messages
    assert not any("FLOPs" in message for message in caplog.messages)


def test_ddp_copies_no_gradients_back(tiny):
    cli = run(["fit", *tiny, "--trainer.strategy", "ddp"], describing=True)
    assert cli.trainer.strategy._ddp_kwargs == {"gradient_as_bucket_view": True}


def test_compiling_changes_no_names(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "1")
    names = weights(tmp_path / "r" / "checkpoints" / "last.ckpt").keys()
    cli = lego("--run", "c", "--trainer.max_steps", "0", "--trainer.num_sanity_val_steps", "0", "--speed", "compile")
    assert [each.speed for each in cli.trainer.callbacks if isinstance(each, Compilation)] == ["compile"]
    compile_blocks(cli.model.encoder.blocks)
    assert all(isinstance(block.forward, CompiledMethod) for block in cli.model.encoder.blocks)
    assert cli.model.state_dict().keys() == names


def test_what_a_training_compiled_can_be_tested_without_a_compiler(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "1")
    config = tmp_path / "r" / "config.yaml"
    config.write_text(config.read_text().replace("compile: false", "compile: true"))
    cli = run(["test", "--ckpt_path", "r/checkpoints/last.ckpt", "--speed", "eager"])
    assert not any(isinstance(each, Compilation) for each in cli.trainer.callbacks)


def test_references_to_the_data(lego, tmp_path):
    (tmp_path / "more.yaml").write_text("model:\n  init_args:\n    encoder:\n      max_position: ${data.batch_size}\n")
    assert lego("-c", "more.yaml", "--trainer.max_steps", "1").model.encoder_config.max_position == 16


@pytest.mark.parametrize("task", ["text", "retrieval", "image"])
def test_pretraining_and_fine_tuning(task, configs, arena, capsys):
    config = ["fit", "-c", str(configs / f"{task}.yaml")]
    cli = run([*config, "-c", str(configs / "pretrain.yaml"), *arena, "--run", "p"])
    assert 0 < float(cli.trainer.callback_metrics["val/loss"]) < 8
    cli = run([*config, *arena, "--run", "f", "--init_from", "p/checkpoints/best.ckpt"])
    encoder = sum(1 for _ in cli.model.encoder.parameters())
    head = sum(1 for _ in cli.model.head.parameters())
    assert f"Took {encoder} of {encoder + head} parameters" in capsys.readouterr().out


def test_describe_prints_bands_and_the_global_batch(monkeypatch, configs, capsys):
    command = ["wavspa", "describe", "-c", str(configs / "lego.yaml"), "--length", "64", "--model.encoder.layers", "2"]
    monkeypatch.setattr(sys, "argv", [*command, "--model.encoder.wavelet.level", "2", "--data.batch_size", "10"])
    entry.main()
    text = capsys.readouterr().out
    assert "16 + 16 + 32" in text and "block 1" in text and "block 2" not in text
    assert "batch_size 10 x 1 devices" in text


def test_lists(monkeypatch, capsys, lego):
    lego("--run", "runs/mine", "--trainer.max_steps", "1")
    run(["test", "--ckpt_path", "runs/mine/checkpoints/last.ckpt", "--trainer.enable_progress_bar", "false"])
    shutil.copy("runs/mine/checkpoints/last.ckpt", "runs/mine/checkpoints/untested.ckpt")
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["wavspa", "list"])
    entry.main()
    text = capsys.readouterr().out
    for part in (
        "ListOps",
        "SequenceClassification",
        "adaptive_lifting",
        "longformer",
        "runs/mine/checkpoints/last.ckpt  test accuracy",
        "runs/mine/checkpoints/untested.ckpt\n",
    ):
        assert part in text


def test_callbacks_with_members_of_enumerations(lego, tmp_path):
    """Lightning's Timer has one as its default, which the config holds by its value."""
    lego("--run", "r", "--trainer.max_steps", "2", "--trainer.callbacks+=Timer")
    (timer,) = yaml.safe_load((tmp_path / "r" / "config.yaml").read_text())["trainer"]["callbacks"]
    assert timer["init_args"]["interval"] == "step"
