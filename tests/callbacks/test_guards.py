"""What stops a training that does not go well."""

from types import SimpleNamespace

import pytest
import torch

from wavspa_lit.callbacks import NaNGuard

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


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
def test_a_gpu_may_go_some_steps_too_far_but_saves_nothing_broken(lego, tmp_path, checked):
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


def test_early_stopping_waits_for_its_least_step(lego):
    flags = ("--trainer.callbacks+=wavspa_lit.callbacks.StopEarly", "--trainer.callbacks.min_delta", "2")
    patience = ("--trainer.callbacks.patience", "1", "--trainer.max_steps", "24", "--model.optimizer.total_steps", "24")
    assert lego("--run", "a", *flags, *patience).trainer.global_step == 6
    least = ("--trainer.callbacks.min_steps", "12")
    assert lego("--run", "b", *flags, *patience, *least).trainer.global_step == 15
