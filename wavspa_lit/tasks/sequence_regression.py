"""One or several numbers for a sequence."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor

from wavspa_lit.nn import ClassificationHead, EncoderConfig
from wavspa_lit.nn.heads import Activation, Pooling
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Batch, Task
from wavspa_lit.tasks.objectives import Numbers
from wavspa_lit.tasks.scores import RegressionScores
from wavspa_lit.tasks.targets import Target, check_target


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
        vocab_size: Number of token ids; linked to the data.
        num_classes: Number of targets; linked to the data.
        max_length: Longest sequence; linked to the data.
        channels: Numbers at each position of `features`; linked to the data. If None, the inputs are `tokens`.
        target: What a label is in the data, which must be what this task is for; linked to the data.
        paired: Whether the data are pairs of sequences, likewise.
    """

    objective: Numbers

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        pooling: Pooling = "mean",
        activation: Activation | None = None,
        target_mean: Sequence[float] | None = None,
        target_sd: Sequence[float] | None = None,
        *,
        vocab_size: int,
        num_classes: int,
        max_length: int,
        channels: int | None = None,
        target: Target | None = None,
        paired: bool | None = None,
    ) -> None:
        check_target(type(self).__name__, "regression", target, paired)
        super().__init__(
            encoder,
            optimizer,
            vocab_size=vocab_size,
            num_classes=num_classes,
            max_length=max_length,
            channels=channels,
            cls_token=pooling == "cls",
            objective=Numbers(num_classes, target_mean, target_sd),
            pooling=pooling,
            activation=activation,
            target_mean=None if target_mean is None else list(target_mean),
            target_sd=None if target_sd is None else list(target_sd),
        )
        config = self.encoder_config
        self.head = ClassificationHead(config.dim, config.mlp_dim, num_classes, pooling, self.hparams["activation"])

    def forward(self, batch: Batch) -> Tensor:
        """Numbers (batch, targets), float32, in the targets' units.

        Args:
            batch: `tokens` (batch, length), or `features` (batch, length, channels), and `mask` (batch, length), if
                there is padding.
        """
        return self.objective.decode(self.head(*self.encode(batch)))

    def on_validation_epoch_end(self) -> None:
        """Logs the errors by target."""
        self._log_targets("val")

    def on_test_epoch_end(self) -> None:
        """Logs the errors by target."""
        self._log_targets("test")

    def _log_targets(self, split: str) -> None:
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
