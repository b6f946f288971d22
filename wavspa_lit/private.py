"""What this project uses of Lightning and jsonargparse beyond their public interfaces, in one place.

pyproject.toml caps the versions of both, because a minor release may change any of it. To lift a cap, install the new
version and run `make test test-slow`: `tests/test_private.py` names what is gone, and the other tests what behaves
differently. `cli.py` also overrides three private methods of `LightningCLI` (`_prepare_subcommand_parser`,
`_parse_ckpt_path`, `_run_subcommand`) and calls two (`_parser`, `_get`):
https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.6/src/lightning/pytorch/cli.py
`callbacks/monitors.py` overrides `LearningRateMonitor._extract_stats`, and `tasks/base.py` knows the attribute
`_current_fx_name` of modules.

What is used of PyTorch in the same way is in `private_torch.py`, which imports neither.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonargparse
from jsonargparse._common import parsing_settings
from lightning import Callback, Trainer
from lightning.pytorch.loops.loop import _Loop
from lightning.pytorch.loops.progress import _BaseProgress
from lightning.pytorch.strategies import DDPStrategy


def logged_step(trainer: Trainer) -> int:
    """The step at which Lightning logs the metrics of this moment, so that pictures stand beside their curves.

    https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.6/src/lightning/pytorch/loops/training_epoch_loop.py
    """
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def count_steps_that_were_taken(trainer: Trainer) -> None:
    """Lets logging go on at the step of a checkpoint: Lightning loses one if accumulated batches were cut elsewhere.

    https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.6/src/lightning/pytorch/loops/training_epoch_loop.py
    """
    if trainer.lightning_module.automatic_optimization and len(trainer.optimizers) == 1:
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step


def put_loaders_where_the_checkpoint_was(trainer: Trainer) -> None:
    """Gives the loaders their saved state, which Lightning does too early if a schedule has asked for their length.

    https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.6/src/lightning/pytorch/loops/fit_loop.py
    """
    trainer.fit_loop._load_combined_loader_states()


def loops_state(trainer: Trainer) -> dict[str, Any]:
    """What `trainer.fit_loop.state_dict()` returns, without the deep copy of every number that `asdict` makes there.

    https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.6/src/lightning/pytorch/loops/loop.py
    """
    state: dict[str, Any] = {}
    loops: list[tuple[str, _Loop]] = [("", trainer.fit_loop)]
    while loops:
        prefix, loop = loops.pop()
        state[f"{prefix}state_dict"] = loop.on_save_checkpoint()
        for name, value in vars(loop).items():
            if isinstance(value, _BaseProgress):
                state[prefix + name] = _plain(value)
            elif isinstance(value, _Loop):
                loops.append((f"{prefix}{name}.", value))
    return state


def _plain(progress: _BaseProgress) -> dict[str, Any]:
    parts = vars(progress).items()
    return {name: _plain(value) if isinstance(value, _BaseProgress) else value for name, value in parts}


def leave_signals_to_us(trainer: Trainer) -> None:
    """Stops the ranks' own agreement on a signal, which waits for the GPU at every step.

    https://github.com/Lightning-AI/pytorch-lightning/issues/21487
    """
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]


HOOKS_OF_A_STEP = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)


def leave_out_idle_hooks(trainer: Trainer) -> None:
    """Saves a training step the calls of hooks that callbacks do not have, a hundred of them.

    Lightning passes over hooks that are not callable.
    https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.6/src/lightning/pytorch/trainer/call.py
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        for name in HOOKS_OF_A_STEP:
            if getattr(callback, name) == getattr(Callback, name).__get__(callback):
                setattr(callback, name, None)


def keep_gradients_in_buckets(trainer: Trainer) -> None:
    """Saves DDP a copy of every gradient at every step; a strategy that is given by name takes no options.

    https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.6/src/lightning/pytorch/strategies/ddp.py
    """
    if isinstance(trainer.strategy, DDPStrategy):
        trainer.strategy._ddp_kwargs.setdefault("gradient_as_bucket_view", True)


@contextmanager
def known_classes_only(active: bool) -> Iterator[None]:
    """Lets configs name classes of this project and of Lightning only: importing a module can run code.

    There is no public way to lift jsonargparse's restriction again:
    https://github.com/omni-us/jsonargparse/blob/v4.53.0/jsonargparse/_common.py
    """
    if not active:
        yield
        return
    settings = dict(parsing_settings)
    jsonargparse.set_parsing_settings(
        import_path_denylist=["*"], import_path_allowlist=["wavspa_lit", "datamodules", "lightning"]
    )
    try:
        yield
    finally:
        parsing_settings.update(settings)
