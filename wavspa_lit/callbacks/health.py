"""What says in a line that a training has died, or is about to."""

from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor, nn

from wavspa_lit.nn.heads import ACTIVATIONS
from wavspa_lit.tasks.base import Task

GROWTH = 30.0
"""Times by which the residual stream may grow before it is worth a line."""
DEAD = 0.9
"""Share of the hidden units of the head that are worth a line."""
SAME = 1e-5
"""Spread, as a share of the largest value, below which values count as the same."""
PATIENCE = 3
"""Validations in a row with one answer for all examples that are worth a line; the first may well have one."""
DEATH = (
    "A lower model.optimizer.lr, a longer warmup_steps or more weight_decay helps in a new training; what has died "
    "seldom recovers"
)
PLATEAU = "This may be a plateau that ends, or a training that learns nothing: its train/loss tells"


class Health(Callback):
    """Warns, once each, of four ways in which a training dies, or stands still, without an error.

    Hidden units of the head give the same value for every example of a batch; logits are the same for a whole
    validation; all examples of `PATIENCE` validations in a row are given one class; the residual stream after the last
    block has grown by more than `GROWTH` times since the first validation, which is the sanity check before step 0
    unless that is switched off. Values are gathered on the device and read once per validation, so that no step waits
    for a GPU.
    """

    def __init__(self) -> None:
        self._first_rms = 0.0
        self._said: set[str] = set()
        self._hooks: list[Any] = []
        self._rms: Tensor | None = None
        self._idle: Tensor | None = None
        self._units = 0
        self._range: tuple[Tensor, Tensor] | None = None
        self._classes: tuple[Tensor, Tensor] | None = None
        self._constant = 0

    def state_dict(self) -> dict[str, float]:
        """Size of the residual stream in the beginning."""
        return {"first_rms": self._first_rms}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """A resumed training compares with its own beginning."""
        self._first_rms = state_dict["first_rms"]

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins to gather."""
        self._rms = self._idle = self._range = self._classes = None
        if not isinstance(pl_module, Task):
            return
        head: Any = pl_module.head
        self._hooks = [pl_module.encoder.norm.register_forward_pre_hook(self._stream)]  # type: ignore[union-attr]
        self._hooks.append(head.register_forward_hook(self._logits))
        if getattr(pl_module, "target", "") == "class":
            self._hooks.append(head.register_forward_hook(self._answers))
        hidden: list[Any] = [
            layer for layer in getattr(head, "mlp", ()) if isinstance(layer, tuple(ACTIVATIONS.values()))
        ]
        self._units = 0
        self._hooks += [layer.register_forward_hook(self._activations) for layer in hidden[:1]]

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reads what was gathered, and warns."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if self._rms is not None:
            rms = float(self._rms)
            self._first_rms = self._first_rms or rms
            if rms > GROWTH * self._first_rms:
                growth = f"the residual stream has grown from rms {self._first_rms:.2g} to {rms:.2g}"
                self._say("growth", trainer.global_step, growth)
        if trainer.sanity_checking:
            return
        if self._idle is not None and (idle := int(self._idle)) > DEAD * self._units:
            units = f"{idle} of {self._units} hidden units of the head give the same for every example of a batch"
            self._say("units", trainer.global_step, units)
        if self._range is not None:
            low, high = (each.float() for each in self._range)
            if float((high - low).max()) <= SAME * float(torch.maximum(high.abs(), low.abs()).max()):
                self._say("logits", trainer.global_step, "logits are the same for every example of the validation")
        if self._classes is not None:
            first, last = map(int, self._classes)
            self._constant = self._constant + 1 if first == last else 0
            if self._constant == PATIENCE and "logits" not in self._said:
                answer = f"every example of the last {PATIENCE} validations was given one class, the last time {last}"
                self._say("answer", trainer.global_step, answer, PLATEAU)

    def _say(self, kind: str, step: int, what: str, advice: str = DEATH) -> None:
        if kind not in self._said:
            self._said.add(kind)
            rank_zero_warn(f"step {step}: {what}. {advice}")

    def _stream(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self._rms is None:
            self._rms = inputs[0].detach().float().square().mean().sqrt()

    def _activations(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if self._idle is None and len(output) > 1:
            values = output.detach().float()
            spread = values.amax(0) - values.amin(0)
            self._idle = (spread <= SAME * values.abs().amax().clamp(min=SAME)).sum()
            self._units = spread.numel()

    def _logits(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._range = _spread(output.detach().flatten(0, -2), self._range)

    def _answers(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self._classes = _spread(output.detach().argmax(-1).flatten(), self._classes)


def _spread(values: Tensor, known: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    """The least and the largest of values (count, ...) along the first axis, and of those known before."""
    low, high = values.amin(0), values.amax(0)
    return (low, high) if known is None else (torch.minimum(low, known[0]), torch.maximum(high, known[1]))
