"""Parameter groups and learning-rate schedules."""

from wavspa_lit.optim.adamw import FusedAdamW, build_adamw
from wavspa_lit.optim.config import OptimizerConfig
from wavspa_lit.optim.groups import GROUPS, parameter_groups
from wavspa_lit.optim.schedules import schedule_factor

__all__ = ["GROUPS", "FusedAdamW", "OptimizerConfig", "build_adamw", "parameter_groups", "schedule_factor"]
