"""What is used beyond public interfaces is there: the first test to look at after an upgrade."""

import inspect
from types import SimpleNamespace

import pytest
import torch
import torch._inductor.async_compile
import torch.distributed.tensor._redistribute
import torch.distributed.tensor.debug
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loops.fit_loop import _FitLoop
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.strategies import DDPStrategy

from wavspa_lit.private import (
    HOOKS_OF_A_STEP,
    known_classes_only,
    leave_out_idle_hooks,
    loops_state,
    parsing_settings,
)
from wavspa_lit.private_torch import exporting, set_option


@pytest.mark.parametrize(
    "owner,name",
    [
        *((LightningCLI, f"_{name}") for name in ("prepare_subcommand_parser", "parse_ckpt_path", "run_subcommand")),
        *((LightningCLI, f"_{name}") for name in ("parser", "get")),
        (_TrainingEpochLoop, "_broadcast_sigterm_tensor"),
        (_FitLoop, "_load_combined_loader_states"),
        (LearningRateMonitor, "_extract_stats"),
        (torch.distributed.tensor.debug, "_clear_sharding_prop_cache"),
        (torch.distributed.tensor._redistribute, "clear_redistribute_planner_cache"),
        (torch._inductor.async_compile.AsyncCompile, "warm_pool"),
    ],
)
def test_private_methods_are_there(owner, name):
    assert callable(getattr(owner, name, None)), f"{owner.__name__}.{name}: see wavspa_lit/private.py, private_torch.py"


@pytest.mark.parametrize(
    "owner,name,file",
    [
        (torch._C, "_are_functorch_transforms_active", "wavelets/backends/choose.py, attention/longformer.py"),
        (torch._C, "_len_torch_dispatch_stack", "attention/longformer.py"),
        (torch._dynamo, "maybe_mark_dynamic", "wavelets/backends/compiled.py, speed.py"),
        (torch._subclasses.fake_tensor, "FakeTensor", "wavelets/backends/choose.py"),
        (torch._subclasses.fake_tensor, "FakeTensorMode", "nn/cost.py, reporting/describe.py"),
        (torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", "nn/cost.py"),
        (torch._dynamo.config, "recompile_limit", "speed.py"),
        (torch._dynamo.config, "optimize_ddp", "speed.py"),
        (torch._inductor.config.triton, "mix_order_reduction", "speed.py"),
        (torch.optim.AdamW([torch.zeros(1)], fused=True), "_step_supports_amp_scaling", "optim/adamw.py"),
        (torch.optim.AdamW, "_init_group", "optim/adamw.py"),
        *((torch, name, "optim/adamw.py") for name in ("_fused_adamw_", "_foreach_add_")),
        *((torch, name, "optim/clipping.py") for name in ("_foreach_mul_", "_foreach_norm")),
    ],
)
def test_what_is_used_of_pytorch_is_there(owner, name, file):
    assert hasattr(owner, name), f"{owner}.{name}: see {file}"


def test_compiled_code_is_not_exported():
    def told(x):
        return x + int(exporting())

    class Told(torch.nn.Module):
        def forward(self, x):
            return told(x)

    x = torch.zeros(1)
    assert told(x) == 0 and torch.compile(told, backend="eager")(x) == 0
    assert torch.export.export(Told(), (x,), strict=False).module()(x) == 1


def test_an_option_that_is_gone_is_passed_over():
    options = SimpleNamespace(known=1)
    set_option(options, "known", 2)
    set_option(options, "gone", 2)
    assert vars(options) == {"known": 2}


def test_private_values_are_there():
    assert "_current_fx_name" in vars(BoringModel())
    assert "self._batches_that_stepped" in inspect.getsource(_TrainingEpochLoop.__init__)
    assert DDPStrategy(static_graph=True)._ddp_kwargs == {"static_graph": True}


class Watch(Callback):
    """Compares the state of the loops with what Lightning says at each step."""

    def __init__(self):
        self.states = []

    def on_train_batch_end(self, trainer, *_):
        assert loops_state(trainer) == trainer.fit_loop.state_dict()
        self.states.append(loops_state(trainer))


def test_the_state_of_the_loops_is_lightnings(tmp_path):
    watch = Watch()
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    Trainer(max_epochs=2, accelerator="cpu", default_root_dir=tmp_path, callbacks=[watch], **options).fit(BoringModel())
    counts = [state["epoch_loop.batch_progress"]["total"]["ready"] for state in watch.states]
    assert counts == list(range(1, 129))  # the earlier ones did not change with the loops


def test_only_hooks_that_do_nothing_are_left_out(tmp_path):
    class Own(Callback):
        """With a hook of its class and one of its own."""

        def on_train_batch_end(self, *_):
            pass

    own, inherited = Own(), type("Inherited", (Own,), {})()
    own.on_after_backward = print
    leave_out_idle_hooks(Trainer(callbacks=[own, inherited], logger=False, default_root_dir=tmp_path))
    left = [{name for name in HOOKS_OF_A_STEP if callable(getattr(each, name))} for each in (own, inherited)]
    assert left == [{"on_train_batch_end", "on_after_backward"}, {"on_train_batch_end"}]


def test_restrictions_on_imports_are_lifted_again():
    before = dict(parsing_settings)
    with known_classes_only(True):
        assert dict(parsing_settings) != before
    assert dict(parsing_settings) == before
