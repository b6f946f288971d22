"""Sharded parameters (the mechanism of FSDP, here on two CPU processes) train to what one process trains to."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fsdp_training import Shards
from lightning import Trainer
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from sharded_training import build, train

from wavspa_lit.callbacks import EMA
from wavspa_lit.reporting.events import Events

HELPERS = Path(__file__).parents[1] / "helpers"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["adaptive", "orthogonal", "adaptive_lifting"])
def test_sharded_weights_load_into_one_process(kind, tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [*launcher, str(HELPERS / "sharded_training.py"), kind, str(tmp_path / "whole.pt")], check=True, timeout=300
    )
    sharded = torch.load(tmp_path / "whole.pt", weights_only=True)
    alone = build(kind)
    losses = train(alone, 0, 1)
    assert sharded["losses"] == pytest.approx(losses, rel=1e-4)
    loaded = build(kind)
    loaded.load_state_dict(sharded["weights"])
    for (name, value), expected in zip(loaded.named_parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=2e-3, msg=name)
    tokens = torch.randint(1, 11, (2, 24))
    torch.testing.assert_close(loaded["encoder"](tokens)[0], alone["encoder"](tokens)[0], rtol=1e-2, atol=1e-2)


@pytest.mark.slow
def test_the_reports_of_a_sharded_training_are_those_of_one_process(tmp_path):
    """Gradient norms, pictures of filters and counts of parameters need more than a process's own share."""
    reports, errors = [], []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        subprocess.run([sys.executable, str(HELPERS / "fsdp_training.py"), str(devices), str(folder)], check=True)
        reports.append(json.loads((folder / "results.json").read_text())["fit"])
        errors.append([value for _, value in Events(folder).curve("wavelet/reconstruction_error/layer_1")])
    alone, shared = (
        {k: v for k, v in r.items() if k.startswith("val/") or k in ("parameters", "train/gradient_norm")}
        for r in reports
    )
    assert len(alone) > 8 and shared == pytest.approx(alone, rel=1e-4)
    assert len(errors[0]) == 3 and errors[1] == pytest.approx(errors[0], rel=1e-3)


@pytest.mark.slow
def test_a_training_on_one_device_goes_on_sharded(tmp_path):
    """The optimiser's states must reach the same parameters."""
    for devices, *checkpoint in ((1,), (2, str(tmp_path / "1" / "last.ckpt"))):
        script = [sys.executable, str(HELPERS / "fsdp_training.py"), str(devices), str(tmp_path / str(devices))]
        subprocess.run([*script, *checkpoint], check=True, timeout=300)
    whole, resumed = (json.loads((tmp_path / name / "results.json").read_text())["fit"] for name in ("1", "2"))
    for name in ("val/loss", "val/acc", "train/gradient_norm"):
        assert resumed[name] == pytest.approx(whole[name], rel=1e-4)


def test_averages_of_sharded_parameters_are_refused():
    trainer = Trainer(accelerator="cpu", devices=1, strategy=Shards(), logger=False)
    with pytest.raises(MisconfigurationException, match="leave it out"):
        EMA().setup(trainer, torch.nn.Identity(), "fit")
