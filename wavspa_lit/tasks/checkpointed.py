"""What a checkpoint says of its task, and what is looked at before its weights are loaded."""

from collections.abc import Mapping
from typing import Any, Self

from lightning import LightningModule
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch.distributed.fsdp import FullyShardedDataParallel

from wavspa_lit.choices import imports
from wavspa_lit.nn.heads import PoolingHead
from wavspa_lit.optim import GROUPS
from wavspa_lit.renamed import renamed_everywhere
from wavspa_lit.tasks.transfer import CheckpointError


def differences(before: Any, now: Any, name: str) -> list[str]:
    """Where two trees of plain data differ, as `name: before, now`."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return [text for key in now if key in before for text in differences(before[key], now[key], f"{name}.{key}")]
    return [] if before == now or before is None else [f"{name}: {before} in the checkpoint, {now} now"]


class Checkpointed(LightningModule):
    """A module whose checkpoints are plain data that name the task and its classes, and are compared when loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.checkpoint_step = 0
        """The step of the checkpoint that was loaded last."""
        self.class_names: tuple[str, ...] = ()

    @classmethod
    def load_from_checkpoint(cls, *args: Any, trust: bool = False, **kwargs: Any) -> Self:
        """As Lightning does it; classes of other packages that a checkpoint names are imported only with `trust`."""
        with imports(trust):
            return super().load_from_checkpoint(*args, **kwargs)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Names the class, and the classes of the data; numbers the optimiser's parameters as the module does.

        FSDP expects these numbers when it loads. Other strategies, and optimisers, go by the order in which the groups
        list them.
        """
        kind = type(self)
        ours = kind.__module__.startswith("wavspa_lit.")
        checkpoint["task"] = kind.__name__ if ours else f"{kind.__module__}.{kind.__qualname__}"
        if self._trainer is not None:
            self.class_names = tuple(getattr(self.trainer.datamodule, "class_names", ()))  # type: ignore[attr-defined]
        checkpoint["class_names"] = list(self.class_names)
        if self._trainer is None or isinstance(self.trainer.strategy.model, FullyShardedDataParallel):
            return  # there is no optimiser yet, or FSDP has done so itself
        numbers = {id(parameter): number for number, parameter in enumerate(self.parameters())}
        for optimizer, saved in zip(self.trainer.optimizers, checkpoint.get("optimizer_states", []), strict=False):
            order = [numbers[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
            saved["state"] = {order[place]: state for place, state in saved["state"].items()}
            for group in saved["param_groups"]:
                group["params"] = [order[place] for place in group["params"]]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Compares the settings of a checkpoint with those given, before its weights are loaded.

        Raises:
            CheckpointError: If the weights are of another model; names the settings.
        """
        self.checkpoint_step = checkpoint.get("global_step", 0)
        self.class_names = tuple(checkpoint.get("class_names", ()))
        saved, weights = renamed_everywhere(checkpoint.get("hyper_parameters", {})), checkpoint.get("state_dict")
        head = getattr(self, "head", None)
        if isinstance(head, PoolingHead):
            # The weights do not tell the activation. Checkpoints from before it could be chosen have ReLUs.
            self.hparams["activation"] = saved.get("activation", "relu")
            head.set_activation(self.hparams["activation"])
        if weights is not None:  # FSDP has loaded them already
            own = {name: value.shape for name, value in self.state_dict().items()}
            wrong = [name for name in own | weights if name not in weights or own.get(name) != weights[name].shape]
            names = ("encoder", "vocab_size", "channels", "num_classes", "max_length")
            changed = [text for name in names for text in differences(saved.get(name), self.hparams.get(name), name)]
            if wrong:
                found = "; ".join(changed) or f"{wrong[0]} is missing, unknown or of another shape"
                raise CheckpointError(f"the checkpoint is of another model: {found}")
        for optimizer in checkpoint.get("optimizer_states", []):
            for group, name in zip(optimizer["param_groups"], GROUPS, strict=False):
                group.setdefault("name", name)  # which older checkpoints lack
        if self._trainer is not None and self.trainer.training:
            for change in differences(saved.get("optimizer"), self.hparams["optimizer"], "optimizer"):
                name = change.split(":")[0].split(".")[-1]
                effect = "the new value holds"
                if name in ("lr", "weight_decay", "beta1", "beta2", "eps"):
                    self.hparams["optimizer"][name] = saved["optimizer"][name]  # so that later checkpoints say it, too
                    effect = "the checkpoint's value stays; use --init_from to start anew"
                rank_zero_warn(f"resuming with a changed setting, {change}: {effect}")
