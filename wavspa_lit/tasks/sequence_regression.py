"""One or several numbers for a sequence."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from wavspa_lit.nn import ClassificationHead, EncoderConfig
from wavspa_lit.nn.heads import Activation, Pooling
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Task
from wavspa_lit.tasks.objectives import Numbers, plain
from wavspa_lit.tasks.scores import RegressionScores


class SequenceRegression(Task):
    """Predicts one or several numbers for a sequence.

    What the head gives is turned into the units of the targets by their mean and standard deviation in training, which
    travel in checkpoints. The loss is the squared error in standard deviations. Logged are R², which chooses the best
    weights, and the mean absolute and squared errors in the targets' units. Targets of NaN are missing: they are
    neither trained nor scored. Of several targets, `mae_by_target/{name}` is the mean absolute error of each.

    Args:
        encoder: The encoder.
        optimizer: AdamW and its schedule.
        pooling: What the head reads: the CLS token (which only `cls` adds), the first state, the sum of the
            first and the last valid one, the mean or the maximum over the valid positions.
        activation: Of the head's hidden layer, normed_gelu or relu; None: relu with `encoder.compat: official`,
            otherwise normed_gelu.
        target_mean: Mean of each target. If None, of the training data.
        target_sd: Standard deviation of each target. If None, of the training data.
        **data: The facts of the data, see `Task`; linked to the data.
    """

    target = "regression"

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        pooling: Pooling = "mean",
        activation: Activation | None = None,
        target_mean: Sequence[float] | None = None,
        target_sd: Sequence[float] | None = None,
        **data: Any,
    ) -> None:
        super().__init__(
            encoder,
            optimizer,
            objective=partial(Numbers, mean=target_mean, sd=target_sd),
            pooling=pooling,
            activation=activation,
            target_mean=plain(target_mean),
            target_sd=plain(target_sd),
            **data,
        )
        config, settings = self.encoder_config, self.hparams
        self.head = ClassificationHead(
            config.dim, config.mlp_dim, settings["num_classes"], pooling, settings["activation"]
        )

    def end_evaluation(self, split: str) -> None:
        """Logs the errors by target."""
        metric = cast(RegressionScores, self.scores_of(split)).by_target
        errors = metric.compute().view(-1)  # torchmetrics makes a number of one value
        metric.reset()
        names = tuple(getattr(self.trainer.datamodule, "class_names", ())) or self.class_names  # type: ignore[attr-defined]
        if len(names) != len(errors):
            names = tuple(map(str, range(len(errors))))
        if len(errors) > 1:
            named = zip(names, errors, strict=True)
            known = {f"{split}/mae_by_target/{name.replace('/', '_')}": e for name, e in named if not e.isnan()}
            self.log_dict(known, sync_dist=True)
