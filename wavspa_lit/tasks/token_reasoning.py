"""An answer at some of the positions: LEGO, the Chomsky-hierarchy tasks, arithmetic."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from wavspa_lit.nn import EncoderConfig, TokenHead
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Batch, Task
from wavspa_lit.tasks.metrics import IGNORED, GroupedAccuracy
from wavspa_lit.tasks.objectives import Classes
from wavspa_lit.tasks.targets import Target


class TokenReasoning(Task):
    """Predicts an answer at each asked position, and reports accuracy by group inside and outside the trained range.

    Beside `acc` (over all answers) it logs `acc_trained` and `acc_extrapolated`, means over the groups in and out of
    training, and `acc_by_{group_name}/{value}` for each group.

    Args:
        encoder: The encoder.
        optimizer: AdamW and its schedule.
        staged: Require the answers of the k-th group, such as link k of a chain, from the k-th pass on; needs
            `encoder.deep_supervision` and a pass for each trained group.
        max_length: Longest sequence; linked to the data.
        trained_length: Longest trained sequence, by default max_length; linked to the data. Learned positions and
            linformer know no more, and refuse longer sequences.
        group_name: What the groups are, such as `position` or `length`; linked to the data.
        group_values: The value of each group; linked to the data.
        trained_groups: Indices of the groups that are trained on; linked to the data.
        target: What a label is in the data, which must be a class at each position; linked to the data.
        **data: Their other facts, see `Task`; linked to the data.
    """

    target = "token"

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        staged: bool = False,
        *,
        max_length: int,
        trained_length: int | None = None,
        group_name: str = "position",
        group_values: Sequence[int] = (),
        trained_groups: Sequence[int] = (),
        target: Target | None = None,
        **data: Any,
    ) -> None:
        grouped = target == "class" and group_values  # data modules need not say that labels are for positions
        super().__init__(
            encoder,
            optimizer,
            objective=Classes,
            max_length=trained_length or max_length,
            target="token" if grouped else target,
            staged=staged,
            group_name=group_name,
            group_values=list(group_values),
            trained_groups=list(trained_groups),
            **data,
        )
        if target and not group_values:
            raise ValueError(
                f"{type(self).__name__} reports answers by groups, and these data have none: use --model "
                "TokenClassification"
            )
        self.staged, passes = staged, self.encoder_config.loops
        if staged and not self.encoder_config.deep_supervision:
            raise ValueError(
                "model.staged says from which pass on an answer is required: set encoder.deep_supervision true"
            )
        if staged and passes <= max(trained_groups, default=0):
            raise ValueError(
                f"model.staged requires the answers of group k from pass k on, and group {max(trained_groups) + 1} is "
                f"trained in {passes} passes; raise encoder.loops"
            )
        self.head = TokenHead(self.encoder_config.dim, self.hparams["num_classes"])
        self.group_name, self.group_values = group_name, list(group_values)
        trained = torch.zeros(len(self.group_values), dtype=torch.bool)
        trained[list(trained_groups)] = True
        self.register_buffer("trained", trained, persistent=False)
        self.by_group = nn.ModuleDict({split: GroupedAccuracy(len(self.group_values)) for split in ("val", "test")})

    def trained_labels(self, batch: Batch) -> Tensor:
        """The labels inside the trained range."""
        return batch["labels"].masked_fill(~batch["loss_mask"], IGNORED)

    def labels_of_passes(self, labels: Tensor, batch: Batch) -> Tensor:
        """See `Task.labels_of_passes`; with `staged`, group k is not asked for before pass k."""
        if not self.staged:
            return super().labels_of_passes(labels, batch)
        passes = range(self.encoder.supervised_passes)
        return torch.cat([labels.masked_fill(batch["groups"] > index, IGNORED) for index in passes])

    def update_metrics(self, split: str, logits: Tensor, batch: Batch) -> None:
        """Adds a batch to the accuracies of `split`, overall and by group."""
        super().update_metrics(split, logits, batch)
        cast(GroupedAccuracy, self.by_group[split]).update(logits.argmax(-1), batch["labels"], batch["groups"])

    def end_evaluation(self, split: str) -> None:
        """Logs the accuracies by group."""
        metric, trained = cast(GroupedAccuracy, self.by_group[split]), self.get_buffer("trained")
        accuracy = metric.compute()
        metric.reset()
        groups = {f"acc_by_{self.group_name}/{v}": a for v, a in zip(self.group_values, accuracy, strict=True)}
        means = {"acc_trained": accuracy[trained].nanmean(), "acc_extrapolated": accuracy[~trained].nanmean()}
        for values, logger in ((groups, False), (means, None)):  # `ExtrapolationCurve` draws the groups
            # A split need not have answers of every group: validation may stay inside the trained range. The states
            # were reduced over the ranks by compute(): every rank logs the same values.
            known = {f"{split}/{name}": value for name, value in values.items() if not value.isnan()}
            self.log_dict(known, sync_dist=True, logger=logger)
