"""Blocks that are launched as CUDA graphs: the same numbers, and clear words where they cannot serve."""

import subprocess
import sys

import pytest
import torch

from wavspa_lit.cli import run
from wavspa_lit.graphs import GraphedStates
from wavspa_lit.nn import Encoder, EncoderConfig
from wavspa_lit.speed import compile_blocks

TIED = {"share_layers": True, "loops": 3, "test_loops": 5, "input_injection": True, "copy_gate": True}
TIED |= {"deep_supervision": True, "positions": "randomized_rotary"}
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def trained(graphs, encodings, **settings):
    """Losses of some steps, of batches of two lengths with validations between them; parameters after them."""
    torch.manual_seed(0)
    torch._dynamo.reset()
    config = EncoderConfig(dim=32, layers=3, mlp_dim=64, dropout=0.1, **settings)
    encoder = Encoder(config, vocab_size=11, max_length=96).cuda()
    compile_blocks(encoder.blocks, parts=True)
    if graphs:
        GraphedStates(encoder)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-2)
    losses = []
    for step in range(12):
        torch.manual_seed(step)
        evaluating, length = step % 4 == 3, (96, 64)[step % 2]
        encoder.train(not evaluating)
        loss = 0
        with torch.set_grad_enabled(not evaluating), torch.autocast("cuda", torch.bfloat16):
            for _ in range(encodings):
                tokens = torch.randint(1, 11, (5 if evaluating else 4, length), device="cuda")
                mask = torch.arange(length, device="cuda") < torch.randint(40, 65, (len(tokens), 1), device="cuda")
                states, _ = encoder(tokens, mask)
                loss = loss + states.float().square().mean()
        optimizer.zero_grad()  # after the forward pass, as Lightning does it
        if not evaluating:
            loss.backward()
            optimizer.step()
        losses.append(loss.detach())
        del loss, states  # as Lightning lets them go: a length that is new is recorded while no other graph is alive
    return torch.stack(losses), [parameter.detach() for parameter in encoder.parameters()]


@pytest.fixture
def kernels_that_repeat(monkeypatch):
    """Without cuDNN's attention and the memory-efficient one, which add up gradients in any order."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    yield
    torch.backends.cuda.enable_cudnn_sdp(True)
    torch.backends.cuda.enable_mem_efficient_sdp(True)
    torch.use_deterministic_algorithms(False)


@needs_gpu
@pytest.mark.parametrize(
    "encodings,settings",
    [(1, {}), (1, {"space": "token"}), (2, {}), (1, TIED)],
    ids=["wavelets", "tokens", "two towers", "shared layers"],
)
def test_graphs_compute_what_compiled_blocks_compute(kernels_that_repeat, encodings, settings):
    losses, parameters = trained(True, encodings, **settings)
    expected, others = trained(False, encodings, **settings)
    if encodings > 1:  # the second one runs without a graph, and gradients are added up in another order
        torch.testing.assert_close(losses, expected, rtol=1e-3, atol=1e-3)
    else:
        assert torch.equal(losses, expected) and all(map(torch.equal, parameters, others))


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", pytest.param("gpu", marks=needs_gpu)])
def test_trainings_with_graphs_resume_exactly(lego, tmp_path, device):
    """On a CPU they are compiled only."""
    flags = ("--speed", "graphs", "--trainer.accelerator", device)
    lego("--run", "whole", "--trainer.max_steps", "9", *flags)
    lego("--run", "parts", "--trainer.max_steps", "5", *flags, "--model.optimizer.total_steps", "9")
    lego("--run", "parts", "--trainer.max_steps", "9", *flags, "--model.optimizer.total_steps", "9", "--resume")
    whole, parts = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True) for name in ("whole", "parts")
    )
    assert all(torch.equal(value, parts["state_dict"][name]) for name, value in whole["state_dict"].items())
    test = ["test", "--ckpt_path", "parts/checkpoints/last.ckpt", "--trainer.enable_progress_bar", "false"]
    results = [run([*test, *more]).trainer.callback_metrics for more in (flags, ("--speed", "eager", *flags[2:]))]
    rounding = 1e-5 if device == "cpu" else 4e-3  # bfloat16 on a GPU
    assert results[0]["test/loss"] == pytest.approx(float(results[1]["test/loss"]), rel=rounding)


@needs_gpu
def test_graphs_are_recorded_while_workers_build_batches(lego):
    flags = ("--trainer.max_steps", "6", "--trainer.accelerator", "gpu", "--speed", "graphs")
    assert lego(*flags, "--data.num_workers", "2").trainer.global_step == 6


@pytest.mark.parametrize("device", ["cpu", pytest.param("gpu", marks=needs_gpu)])
def test_no_module_is_left_evaluating(lego, device):
    """Blocks that evaluate have no dropout, and look like faster ones."""
    flags = ("--trainer.val_check_interval", "1", "--trainer.check_val_every_n_epoch", "null")
    task = lego("--trainer.max_steps", "2", "--trainer.accelerator", device, *flags).model
    assert [name for name, module in task.named_modules() if not module.training] == []


@pytest.mark.slow
def test_the_benchmark_of_trainings_runs(configs):
    """Its peer takes the place of our blocks, and the page that describes a model has to serve that."""
    sizes = {"data.num_train": 200, "data.num_test": 50, "data.n_vars": 6, "data.n_train_vars": 3}
    sizes |= {"data.batch_size": 8, "model.encoder.layers": 2, "trainer.accelerator": "cpu"}
    benchmark = configs.parent / "benchmarks" / "real_training.py"
    command = [sys.executable, str(benchmark), "--tasks", "lego", "--models", "wavspa-1", "peer"]
    command += ["--steps", "3", "--warmup", "1", "--", *(f"--{name}={value}" for name, value in sizes.items())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    rows = [line for line in done.stdout.splitlines() if line.startswith("| lego")]
    assert len(rows) == 2 and "failed" not in done.stdout, done.stderr


def test_where_graphs_cannot_serve(refused, tiny, configs):
    flags = ["fit", *tiny, "--speed", "graphs"]
    assert "leave out --trainer.accumulate_grad_batches" in refused(*flags, "--trainer.accumulate_grad_batches", "2")
    assert "--trainer.strategy ddp, not fsdp" in refused(*flags, "--trainer.strategy", "fsdp")
    assert "activations that are kept" in refused(*flags, "--model.encoder.activation_checkpointing", "true")
    performer = ("--model.encoder.attention.kind", "performer", "--model.encoder.attention.redraw_interval", "9")
    assert "features that stay" in refused(*flags, *performer)
    text = ["fit", "-c", str(configs / "text.yaml"), "--speed", "graphs", "--trainer.accelerator", "cpu"]
    text += ["--data.padding", "batch"]
    assert "give --data.padding bucket or max" in refused(*text)
