"""AdamW and its schedule."""

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from wavspa_lit.optim.clipping import RecordedClipping, clip
from wavspa_lit.optim.config import OptimizerConfig
from wavspa_lit.optim.groups import parameter_groups
from wavspa_lit.optim.schedules import schedule_factor


class FusedAdamW(AdamW):
    """AdamW as one kernel for all parameters of a group, which takes Python less time to launch.

    PyTorch's own, `AdamW(fused=True)`, says that it undoes the scaling of float16 gradients itself, and Lightning
    refuses to clip gradients that are still scaled. This one leaves that to the scaler, as an AdamW that is not fused
    does. It also remembers the lists of tensors that the kernel takes, which PyTorch's collects at every step. All
    parameters must be on one device and of one dtype, because they are not sorted by these.
    """

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], **options: Any) -> None:
        self._lists: dict[int, tuple[list[Tensor], ...]] = {}
        self._clip: Callable[[list[Tensor], float], None] = clip
        super().__init__(params, fused=True, **options)
        self._step_supports_amp_scaling = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Takes over the state of an AdamW as well, which counts its steps on the CPU."""
        super().__setstate__(state)
        self._lists, self._clip = {}, clip
        for group in self.param_groups:
            group["fused"] = True
            for parameter in group["params"]:
                if parameter in self.state:
                    self.state[parameter]["step"] = self.state[parameter]["step"].to(parameter.device)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """See `torch.optim.Optimizer.step`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for index, group in enumerate(self.param_groups):
            lists: Any
            gradients = [parameter.grad for parameter in group["params"]]
            if any(gradient is None for gradient in gradients):
                lists = self._collect(group)
            else:
                if index not in self._lists:
                    self._lists[index] = self._collect(group)
                lists = (self._lists[index][0], gradients, *self._lists[index][2:])
            if not lists[0]:
                continue
            torch._foreach_add_(lists[5], 1)
            (beta1, beta2), names = group["betas"], ("lr", "weight_decay", "eps", "amsgrad", "maximize")
            settings: dict[str, Any] = {name: group[name] for name in names}
            torch._fused_adamw_(*lists, beta1=beta1, beta2=beta2, **settings)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """See `torch.optim.Optimizer.zero_grad`, which looks at devices and profilers first."""
        if not set_to_none:
            super().zero_grad(set_to_none=False)
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def _collect(self, group: dict[str, Any]) -> tuple[list[Tensor], ...]:
        """Parameters that have gradients, these, and their state, which is made where it is missing."""
        lists: tuple[list[Tensor], ...] = ([], [], [], [], [], [])
        self._init_group(group, *lists)
        return lists

    def gradients_stay(self) -> None:
        """Says that gradients always lie in the same few places in memory, so that clipping them can be recorded."""
        self._clip = RecordedClipping()

    def clip(self, norm: float) -> None:
        """What `torch.nn.utils.clip_grad_norm_` does to the gradients, in fewer calls."""
        parameters = (parameter for group in self.param_groups for parameter in group["params"])
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if gradients:
            self._clip(gradients, norm)


def build_adamw(model: nn.Module, config: OptimizerConfig, training_steps: float) -> tuple[AdamW, LambdaLR]:
    """AdamW over the parameter groups of a model, fused on a GPU, and a schedule counted in optimiser steps.

    Args:
        model: The model.
        config: Their settings.
        training_steps: Steps of the training, where `config.total_steps` is None; infinite or -1 if it has no end.

    Raises:
        ValueError: If the schedule must know an end, and there is none.
    """
    total = config.total_steps or training_steps
    if total in (math.inf, -1):
        if config.schedule in ("linear", "cosine"):
            raise ValueError(
                f"optimizer.schedule {config.schedule} has to know when the training ends: give --trainer.max_steps or "
                "--trainer.max_epochs, model.optimizer.total_steps, or --model.optimizer.schedule constant"
            )
        total = sys.maxsize
    kinds = {(parameter.device, parameter.dtype) for parameter in model.parameters()}
    kind = FusedAdamW if len(kinds) == 1 and next(iter(kinds))[0].type == "cuda" else AdamW
    optimizer = kind(
        parameter_groups(model, config.weight_decay),
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
    )
    scheduler = LambdaLR(
        optimizer,
        lambda step: schedule_factor(step, config.schedule, config.warmup_steps, int(total), config.cycle_steps),
    )
    return optimizer, scheduler
