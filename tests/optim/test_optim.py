import math

import pytest
from torch import nn

from wavspa_lit.nn import Encoder, EncoderConfig
from wavspa_lit.optim import OptimizerConfig, parameter_groups, schedule_factor
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
