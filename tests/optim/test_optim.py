import copy
import math
from functools import partial

import pytest
import torch
from lightning import LightningModule, Trainer
from torch import nn
from torch.optim import AdamW
from torch.utils.data import DataLoader

from wavspa_lit.nn import Encoder, EncoderConfig
from wavspa_lit.optim import OptimizerConfig, parameter_groups, schedule_factor
from wavspa_lit.optim.adamw import FusedAdamW
from wavspa_lit.optim.clipping import RecordedClipping
from wavspa_lit.wavelets import WaveletConfig


@pytest.mark.parametrize("kind", ["adaptive", "orthogonal", "adaptive_lifting"])
def test_only_matrices_decay(kind):
    config = EncoderConfig(dim=8, layers=1, positions="learned", wavelet=WaveletConfig(kind=kind, name="db2"))
    model = Encoder(config, vocab_size=5, max_length=9, cls_token=True)
    decayed, kept = parameter_groups(model, 0.1)
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    names = {id(p): name for name, p in model.named_parameters()}
    linear = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    assert {id(p) for p in decayed["params"]} == linear
    kept_names = [names[id(p)] for p in kept["params"]]
    assert len(kept_names) + len(linear) == len(names)
    for part in ("embedding", "norm", "bank", "cls_token", "bias"):
        assert any(part in name for name in kept_names), part


def test_rsqrt_is_the_formula_of_the_long_range_arena():
    for step in (0, 1, 10, 1000, 5000):
        expected = min(1.0, step / 1000) / math.sqrt(max(step, 1000))
        assert schedule_factor(step, "rsqrt", 1000, 0) == pytest.approx(expected)


def test_cosine_cycles_start_again_at_the_peak():
    """Values by hand of min(1, s / warmup) (1 + cos(pi frac((s - warmup) / cycle))) / 2."""
    factors = [schedule_factor(step, "cosine_cycles", 10, 0, 100) for step in (0, 5, 10, 60, 109, 110, 160, 210)]
    assert factors == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.5 * (1 + math.cos(math.pi * 0.99)), 1.0, 0.5, 1.0])


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_schedules_rise_and_fall_to_zero(kind):
    factors = [schedule_factor(step, kind, 10, 110) for step in range(111)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10] == 1.0
    assert factors[60] == pytest.approx(0.5)
    assert factors[110] == pytest.approx(0.0, abs=1e-12)
    assert factors[11:] == sorted(factors[11:], reverse=True)


def test_constant_stays():
    assert [schedule_factor(step, "constant", 0, 5) for step in (0, 4, 100)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("argument", [{"lr": 0.0}, {"weight_decay": -1.0}, {"warmup_steps": -1}, {"cycle_steps": 0}])
def test_bad_settings_name_the_argument(argument):
    with pytest.raises(ValueError, match=f"optimizer.{next(iter(argument))}"):
        OptimizerConfig(**argument)


class Regression(LightningModule):
    """Fits the sum of three numbers by an optimiser that `kind` makes."""

    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.kind, self.layer = kind, nn.Linear(3, 1)

    def training_step(self, batch, batch_idx):
        return (self.layer(batch) - batch.sum(1, keepdim=True)).square().mean()

    def configure_optimizers(self):
        return self.kind(self.parameters(), lr=0.1, weight_decay=0.1)


def trained(kind, folder):
    model = Regression(kind)
    trainer = Trainer(
        accelerator="cpu",
        max_steps=4,
        precision="bf16-mixed",
        gradient_clip_val=0.1,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(torch.randn(32, 3, generator=torch.Generator().manual_seed(0)), batch_size=8))
    return model, trainer.optimizers[0]


def test_the_fused_optimiser_clips_and_steps_as_the_other_one(tmp_path):
    """On a CPU, too, Lightning refuses to clip beside a fused optimiser of PyTorch."""
    (one, _), (other, _) = (trained(kind, tmp_path) for kind in (AdamW, FusedAdamW))
    torch.testing.assert_close(one.layer.weight, other.layer.weight)


@pytest.mark.parametrize("before,after", [(AdamW, FusedAdamW), (FusedAdamW, AdamW)])
def test_either_optimiser_continues_from_the_state_of_the_other(tmp_path, before, after):
    model, optimizer = trained(before, tmp_path)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    continued = Regression(after)
    continued.load_state_dict(weights)
    resumed = continued.configure_optimizers()
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for each, steps in ((model, optimizer), (continued, resumed)):
        steps.zero_grad()
        each.training_step(torch.ones(8, 3) * torch.arange(3), 0).backward()
        steps.step()
    torch.testing.assert_close(model.layer.weight, continued.layer.weight)
    assert all(state["step"] == 5 for state in resumed.state.values())


def test_the_fused_optimiser_computes_what_pytorchs_fused_one_computes():
    """To the bit, also where a parameter has no gradient, and after a state is loaded."""
    models, optimizers = [], []
    for kind in (FusedAdamW, partial(AdamW, fused=True)):
        torch.manual_seed(0)
        models.append(nn.Sequential(nn.Linear(5, 4), nn.GELU(), nn.Linear(4, 3)))
        first, *others = models[-1].parameters()
        optimizers.append(kind([{"params": [first], "weight_decay": 0.1}, {"params": others}], lr=0.1))
    for step in range(6):
        for model, optimizer in zip(models, optimizers, strict=True):
            optimizer.zero_grad()
            model(torch.ones(2, 5) * step)[:, step % 3].sum().backward()
            if step == 2:
                model[2].bias.grad = None
            if isinstance(optimizer, FusedAdamW):
                optimizer.clip(0.5)
            else:
                nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            if step == 3:
                optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        assert all(map(torch.equal, *(list(model.parameters()) for model in models)))


def test_a_copy_of_the_fused_optimiser_goes_on():
    parameter = nn.Parameter(torch.ones(3))
    copied = copy.deepcopy(FusedAdamW([parameter], lr=0.1))
    (own,) = copied.param_groups[0]["params"]
    own.grad = torch.full((3,), 4.0)
    copied.clip(1.0)
    assert own.grad.norm() == pytest.approx(1.0) and parameter.grad is None
    copied.step()
    assert (own < parameter).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_recorded_clipping_clips_on_a_gpu():
    """To the bit what PyTorch does, at several places in memory, and by another norm."""
    places = [[torch.empty(size, device="cuda") for size in (3, 1000, 7)] for _ in range(3)]
    recorded = RecordedClipping()
    for step in range(12):
        gradients, norm = places[step % 3], 1.0 if step < 6 else 0.5
        for gradient in gradients:
            gradient.normal_()
        copies = [torch.nn.Parameter(gradient) for gradient in gradients]
        for copied, gradient in zip(copies, gradients, strict=True):
            copied.grad = gradient.clone()
        recorded(gradients, norm)
        nn.utils.clip_grad_norm_(copies, norm, foreach=True)
        assert all(torch.equal(copied.grad, gradient) for copied, gradient in zip(copies, gradients, strict=True))
