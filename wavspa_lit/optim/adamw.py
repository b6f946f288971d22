"""AdamW and its schedule."""

import math
import sys
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from wavspa_lit.optim.config import OptimizerConfig
from wavspa_lit.optim.groups import parameter_groups
from wavspa_lit.optim.schedules import schedule_factor


class FusedAdamW(AdamW):
    """AdamW as one kernel for all parameters of a group, which takes Python less time to launch.

    PyTorch's own, `AdamW(fused=True)`, says that it undoes the scaling of float16 gradients itself, and Lightning
    refuses to clip gradients that are still scaled. This one leaves that to the scaler, as an AdamW that is not fused
    does.
    """

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], **options: Any) -> None:
        super().__init__(params, fused=True, **options)
        self._step_supports_amp_scaling = False


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
    kind = FusedAdamW if all(parameter.is_cuda for parameter in model.parameters()) else AdamW
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
