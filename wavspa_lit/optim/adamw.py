"""AdamW and its schedule."""

import math
import sys

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from wavspa_lit.optim.config import OptimizerConfig
from wavspa_lit.optim.groups import parameter_groups
from wavspa_lit.optim.schedules import schedule_factor


def build_adamw(model: nn.Module, config: OptimizerConfig, training_steps: float) -> tuple[AdamW, LambdaLR]:
    """AdamW over the parameter groups of a model, and a schedule counted in optimiser steps.

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
    optimizer = AdamW(
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
