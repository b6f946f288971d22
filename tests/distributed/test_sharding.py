"""Sharded parameters (the mechanism of FSDP, here on two CPU processes) train to what one process trains to."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from sharded_training import build, train

SCRIPT = Path(__file__).with_name("sharded_training.py")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["adaptive", "orthogonal", "adaptive_lifting"])
def test_sharded_weights_load_into_one_process(kind, tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launcher, str(SCRIPT), kind, str(tmp_path / "whole.pt")], check=True, timeout=300)
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
