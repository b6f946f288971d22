"""The metrics that are logged for an evaluation split, by what the labels are."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanMetric, MeanSquaredError, Metric
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MultilabelAccuracy,
    MultilabelAveragePrecision,
    MultilabelF1Score,
)

from wavspa_lit.tasks.metrics import IGNORED, ConstantAccuracy, ConstantLabels, Determination, TargetErrors

THRESHOLDS = 512
"""At so many thresholds AUROC is taken where keeping all probabilities would need too much memory."""


class Normalisation(Protocol):
    """What numbers are normalised by."""

    values: int
    mean: Tensor
    sd: Tensor


class Scores(nn.Module, ABC):
    """Metrics by name; all of them count every example once, however the examples are spread over processes."""

    confusion: MulticlassConfusionMatrix | None
    """Counts of each pair of classes (label, prediction), for a picture; None if there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.loss = MeanMetric()
        self.confusion = None

    @abstractmethod
    def update(self, outputs: Tensor, labels: Tensor) -> None:
        """Adds a batch to all metrics but the loss; arguments as for `Objective.loss`."""

    def logged(self) -> Iterator[tuple[str, Metric]]:
        """The metrics that are numbers, by name, in the order in which they are logged."""
        for name, metric in self.named_children():
            if isinstance(metric, Metric) and name not in ("confusion", "by_target"):
                yield name, metric


class ClassScores(Scores):
    """Accuracy, that of the best constant answer, and if asked for macro F1, macro AUROC and the confusion matrix.

    Args:
        num_classes: Number of classes.
        imbalance: Whether to report the latter three.
        exact: See `Classes`.
    """

    def __init__(self, num_classes: int, *, imbalance: bool = False, exact: bool = True) -> None:
        super().__init__()
        self.acc = MulticlassAccuracy(num_classes, average="micro", ignore_index=IGNORED)
        self.chance = ConstantAccuracy(num_classes)
        if imbalance:
            fast: dict[str, Any] = {"ignore_index": IGNORED, "validate_args": False}
            self.f1 = MulticlassF1Score(num_classes, average="macro", **fast)
            self.auroc = MulticlassAUROC(num_classes, average="macro", thresholds=None if exact else THRESHOLDS, **fast)
            self.confusion = MulticlassConfusionMatrix(num_classes, **fast)

    def update(self, outputs: Tensor, labels: Tensor) -> None:
        """See `Scores.update`; logits (*labels' shape, classes)."""
        logits, flat = outputs.flatten(0, -2), labels.flatten()
        self.acc.update(logits, flat)
        self.chance.update(labels)
        if self.confusion is not None:
            self.f1.update(logits, flat)
            self.auroc.update(logits.float().softmax(-1), flat)
            self.confusion.update(logits, flat)


class MultilabelScores(Scores):
    """Share of right answers, that of the best constant ones, macro F1 and macro average precision (mAP).

    Args:
        num_classes: Number of classes.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        fast: dict[str, Any] = {"ignore_index": IGNORED, "validate_args": False}
        self.acc = MultilabelAccuracy(num_classes, average="micro", **fast)
        self.chance = ConstantLabels(num_classes)
        self.f1 = MultilabelF1Score(num_classes, average="macro", **fast)
        self.map = MultilabelAveragePrecision(num_classes, average="macro", **fast)

    def update(self, outputs: Tensor, labels: Tensor) -> None:
        """See `Scores.update`; logits and labels (batch, classes)."""
        probabilities = outputs.float().sigmoid()
        asked = torch.where(labels >= 0, labels > 0.5, IGNORED)  # NaN is not asked for
        for metric in (self.acc, self.f1, self.map):
            metric.update(probabilities, asked)
        self.chance.update(asked)


class RegressionScores(Scores):
    """R², and the mean squared and absolute errors in units of the labels.

    Args:
        normalisation: What the numbers are normalised by; R² is taken of normalised ones, because float32 would lose
            the small differences of large numbers.
    """

    def __init__(self, normalisation: Normalisation) -> None:
        super().__init__()
        self.normalisation = [normalisation]  # in a list, so that it does not become a part of this module
        self.r2 = Determination(normalisation.values)
        self.mae = MeanAbsoluteError()
        self.mse = MeanSquaredError()
        self.by_target = TargetErrors(normalisation.values)

    def update(self, outputs: Tensor, labels: Tensor) -> None:
        """See `Scores.update`; both (..., values)."""
        asked, (norm,) = ~labels.isnan(), self.normalisation
        for metric in (self.mae, self.mse):
            metric.update(outputs[asked].float(), labels[asked])
        self.by_target.update(outputs.float(), labels)
        self.r2.update((outputs.float() - norm.mean) / norm.sd, (labels - norm.mean) / norm.sd)
