"""What a user trusts the trainer with: warm starts, guards, averages, trust, lists."""

import itertools
import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.distributed.fsdp import FullyShardedDataParallel, OptimStateKeyType

import wavspa_lit.__main__ as entry
from wavspa_lit.callbacks import NaNGuard, monitors
from wavspa_lit.callbacks.seeds import seed_torch
from wavspa_lit.cli import run
from wavspa_lit.nn.cost import forward_flops
from wavspa_lit.reporting.events import Events
from wavspa_lit.reporting.runs import latest_run, new_run

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
QUIET = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def curve(folder, name):
    values = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        values |= dict(Events(file).curve(name))
    return values


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


def test_averages_are_validated_and_kept(lego, tmp_path):
    lego("--trainer.max_steps", "3", "--run", "plain")
    lego("--trainer.max_steps", "3", "--run", "ema", "--trainer.callbacks+=wavspa_lit.callbacks.EMA")
    checkpoint = torch.load(tmp_path / "ema" / "checkpoints" / "last.ckpt", weights_only=True)
    plain, average = weights(tmp_path / "plain" / "checkpoints" / "last.ckpt"), checkpoint["state_dict"]
    current = {name.removeprefix("module."): value for name, value in checkpoint["current_model_state"].items()}
    assert all(torch.equal(plain[name], current[name]) for name in plain)
    assert any(not torch.equal(plain[name], average[name]) for name in plain)
    run(["test", "--ckpt_path", "ema/checkpoints/last.ckpt", *QUIET])  # the average, without the callback's help
    assert 0 <= json.loads((tmp_path / "ema" / "results.json").read_text())["test"]["test/acc"] <= 1


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_batch(lego, tmp_path):
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step .*nan_batch\.pt"):
        lego(
            "--run",
            "r",
            "--trainer.max_steps",
            "30",
            "--model.optimizer.lr",
            "1e30",
            "--model.optimizer.warmup_steps",
            "1",
        )
    saved = torch.load(tmp_path / "r" / "nan_batch.pt", weights_only=True)
    assert saved["batch"]["tokens"].shape[0] == 16 and saved["step"] > 0


@needs_gpu
@pytest.mark.parametrize("checked", [3, 1])
def test_a_gpu_may_go_a_step_too_far_but_saves_nothing_broken(lego, tmp_path, checked):
    """Once with validations three steps apart, and once behind every step."""
    flags = ["--trainer.accelerator", "gpu", "--trainer.devices", "1", "--trainer.val_check_interval", str(checked)]
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step .*nan_batch\.pt"):
        lego("--run", "r", *flags, "--trainer.max_steps", "30", "--model.optimizer.lr", "1e30")
    last = tmp_path / "r" / "checkpoints" / "last.ckpt"
    saved = torch.load(tmp_path / "r" / "nan_batch.pt", weights_only=True)
    assert not last.exists() or torch.load(last, weights_only=True)["global_step"] <= saved["step"]


def test_of_accumulated_batches_the_one_without_a_loss_is_kept(tmp_path):
    guard, trainer = NaNGuard(), SimpleNamespace(default_root_dir=tmp_path, global_rank=0, global_step=7)

    def step(losses):
        for number, loss in enumerate(losses):
            guard.on_train_batch_start(trainer, None, {"tokens": torch.tensor([number])}, number)
            guard.on_before_backward(trainer, None, torch.tensor(loss))
        guard.on_before_optimizer_step(trainer, None, None)

    step([1.0, 2.0])
    with pytest.raises(FloatingPointError, match="the loss is nan at step 7"):
        step([1.0, 2.0, float("nan"), 3.0])
    assert torch.load(tmp_path / "nan_batch.pt", weights_only=True)["batch"]["tokens"].tolist() == [2]


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


def test_early_stopping_waits_for_its_least_step(lego):
    flags = ("--trainer.callbacks+=wavspa_lit.callbacks.StopEarly", "--trainer.callbacks.min_delta", "2")
    patience = ("--trainer.callbacks.patience", "1", "--trainer.max_steps", "24", "--model.optimizer.total_steps", "24")
    assert lego("--run", "a", *flags, *patience).trainer.global_step == 6
    least = ("--trainer.callbacks.min_steps", "12")
    assert lego("--run", "b", *flags, *patience, *least).trainer.global_step == 15


def test_a_training_says_what_it_trains_and_where_its_results_are(lego, caplog):
    logger = logging.getLogger("lightning.pytorch")
    logger.addHandler(caplog.handler)
    cli = lego("--run", "somewhere/r", "--trainer.max_steps", "1")
    logger.removeHandler(caplog.handler)
    parameters = sum(parameter.numel() for parameter in cli.model.parameters())
    line = f"TokenReasoning with {parameters:,} parameters; checkpoints, curves and results: somewhere/r"
    assert line in caplog.messages
    assert not any("FLOPs" in message for message in caplog.messages)


def test_gradient_norms_and_speeds_are_logged(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "3")
    for tag in ("train/gradient_norm", "speed/tokens_per_second", "speed/sequences_per_second"):
        values = curve(tmp_path / "r", tag)
        assert len(values) == 3 and all(value > 0 for value in values.values()), tag


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_steps_are_seeded_as_torch_seeds(device):
    numbers = []
    for seed in (torch.manual_seed, seed_torch):
        seed(2**63 + 5)
        numbers.append(torch.rand(3, device=device))
    assert torch.equal(*numbers)


def test_speeds_count_all_batches_between_two_logged_steps(lego, tmp_path, monkeypatch):
    ticks = itertools.count(1)
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))  # read at the start and at the end: one second
    monkeypatch.setattr(monitors, "time", clock)
    flags = ("--trainer.accumulate_grad_batches", "2", "--trainer.log_every_n_steps", "2")
    lego(
        "--run", "r", "--data.num_train", "128", "--trainer.max_steps", "4", "--trainer.val_check_interval", "8", *flags
    )
    assert curve(tmp_path / "r", "speed/sequences_per_second") == {1: 4 * 16, 3: 4 * 16}


def test_mfu_is_a_share_of_the_peak(lego, tmp_path, monkeypatch):
    """A CPU's peak is not known; here it is one operation a second."""
    monkeypatch.setattr(monitors, "peak_flops", lambda device, dtype: 1)
    cli = lego("--run", "r", "--trainer.max_steps", "2", "--trainer.log_every_n_steps", "1")
    length = cli.datamodule.trained_length
    tokens, mfu = (curve(tmp_path / "r", f"speed/{name}") for name in ("tokens_per_second", "mfu"))
    operations = 3 * forward_flops(cli.model.encoder, length) / length
    assert mfu == pytest.approx({step: rate * operations for step, rate in tokens.items()}, rel=1e-5) and len(mfu) == 2


def test_gradient_norms_are_those_of_the_step_they_are_logged_at(lego, tmp_path):
    for name, every in (("all", "1"), ("some", "2")):
        lego("--run", name, "--trainer.max_steps", "4", "--trainer.log_every_n_steps", every)
    whole, some = (curve(tmp_path / name, "train/gradient_norm") for name in ("all", "some"))
    assert some == {step: whole[step] for step in (1, 3)}


def test_ddp_copies_no_gradients_back(tiny):
    cli = run(["fit", *tiny, "--trainer.strategy", "ddp"], describing=True)
    assert cli.trainer.strategy._ddp_kwargs == {"gradient_as_bucket_view": True}


def test_compiling_changes_no_names(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "1")
    names = weights(tmp_path / "r" / "checkpoints" / "last.ckpt").keys()
    cli = lego("--run", "c", "--trainer.max_steps", "0", "--trainer.num_sanity_val_steps", "0", "--speed", "compile")
    assert all(block._compiled_call_impl is not None for block in cli.model.encoder.blocks)
    assert cli.model.state_dict().keys() == names


def test_what_a_training_compiled_can_be_tested_without_a_compiler(lego, tmp_path):
    lego("--run", "r", "--trainer.max_steps", "1")
    config = tmp_path / "r" / "config.yaml"
    config.write_text(config.read_text().replace("compile: false", "compile: true"))
    cli = run(["test", "--ckpt_path", "r/checkpoints/last.ckpt", "--speed", "eager"])
    assert all(block._compiled_call_impl is None for block in cli.model.encoder.blocks)


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
    monkeypatch.setattr(sys, "argv", ["wavspa", "list"])
    entry.main()
    text = capsys.readouterr().out
    for part in (
        "ListOps",
        "SequenceClassification",
        "adaptive_lifting",
        "longformer",
        "runs/mine/checkpoints/last.ckpt",
    ):
        assert part in text
