import os
import subprocess
import sys

import pytest

from wavspa_lit.speed import choose_speed


def run(code, **environment):
    """What it prints, in words; in a session of its own, since it may signal its process group."""
    options = {"capture_output": True, "text": True, "timeout": 300, "start_new_session": True}
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_signals_to_a_process_group_do_not_reach_the_compiler(tmp_path):
    code = """
import os, signal
from torch._inductor.async_compile import AsyncCompile
from wavspa_lit.speed import start_compiler
start_compiler()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.killpg(0, signal.SIGTERM)
pool = AsyncCompile.process_pool()
print(pool.submit(abs, -64).result(), pool.process.poll())
"""
    found = run(code, TORCHINDUCTOR_COMPILE_THREADS="2", TORCHINDUCTOR_CACHE_DIR=str(tmp_path))
    assert found == ["64", "None"]


def test_blocks_stay_whole_under_ddp(tmp_path):
    """One graph for both blocks, with more parameters than DDP sends at first."""
    code = """
import torch
from torch._dynamo.testing import CompileCounter
from torch.nn.parallel import DistributedDataParallel
from wavspa_lit.speed import compile_blocks
from wavspa_lit.nn import Encoder, EncoderConfig
torch.distributed.init_process_group("gloo", init_method="file://STORE", rank=0, world_size=1)
encoder = Encoder(EncoderConfig(dim=256, layers=2, mlp_dim=1024, space="token"), vocab_size=11, max_length=64)
counter = CompileCounter()
compile_blocks(encoder.blocks, backend=counter)
DistributedDataParallel(encoder)(torch.randint(1, 11, (2, 64)))[0].sum().backward()
print(counter.frame_count)
"""
    assert run(code.replace("STORE", str(tmp_path / "store"))) == ["1"]


GPU = {"on_gpu": True, "training": True, "few_lengths": True}


@pytest.mark.parametrize(
    "asked,facts,chosen,why",
    [
        ("auto", GPU, "graphs", "few lengths"),
        ("auto", {**GPU, "few_lengths": False}, "compile", "--data.padding bucket"),
        ("auto", {**GPU, "against_graphs": "needs what it has not"}, "compile", "needs what it has not"),
        ("auto", {**GPU, "training": False}, "eager", "not worth a compilation"),
        ("auto", {**GPU, "on_gpu": False}, "eager", "no GPU"),
        ("compile", {**GPU, "on_gpu": False}, "compile", "as asked for"),
    ],
)
def test_the_fastest_that_the_settings_allow_is_chosen(asked, facts, chosen, why):
    speed, reason = choose_speed(asked, **facts)
    assert speed == chosen and why in reason
