"""How checkpoints are written."""

import signal
import subprocess
import sys
import time

import pytest
import torch


@pytest.mark.slow
def test_a_kill_while_saving_leaves_a_readable_checkpoint(tmp_path):
    code = """
import sys, torch
from pathlib import Path
from wavspa_lit.callbacks import AtomicCheckpointIO
number, io = 0, AtomicCheckpointIO()
while True:
    io.save_checkpoint({"weights": torch.full((4_000_000,), float(number))}, Path(sys.argv[1]))
    number += 1
    print(number, flush=True)
"""
    path = tmp_path / "last.ckpt"
    for delay in (0.0, 0.003, 0.011, 0.02):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        weights = torch.load(path, weights_only=True)["weights"]
        assert len(weights) == 4_000_000 and (weights == weights[0]).all()
    assert {file.name for file in tmp_path.iterdir()} <= {"last.ckpt", ".last.ckpt.partial"}
