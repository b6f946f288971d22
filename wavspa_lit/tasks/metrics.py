"""Metrics that torchmetrics lacks."""

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy

IGNORED = -100
"""Label of what is not scored: padding, unasked positions, examples repeated to even out the ranks."""


class Scores(nn.Module):
    """What is logged for an evaluation split: mean loss, accuracy, and the accuracy of the best constant answer.

    Args:
        num_classes: Number of classes.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.loss = MeanMetric()
        self.acc = MulticlassAccuracy(num_classes, average="micro", ignore_index=IGNORED)
        self.chance = ConstantAccuracy(num_classes)


class ConstantAccuracy(Metric):
    """Accuracy of always giving the most frequent label: the chance level that a model has to beat.

    Args:
        num_classes: Number of classes.
    """

    count: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.add_state("count", torch.zeros(num_classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, labels: Tensor) -> None:
        """Counts labels, int64 of any shape; `IGNORED` ones do not count."""
        self.count += _count(labels, (labels != IGNORED), len(self.count))

    def compute(self) -> Tensor:
        """The share of the most frequent label."""
        return self.count.max() / self.count.sum()


class GroupedAccuracy(Metric):
    """Accuracy of each group of answers, such as LEGO's chain positions.

    Args:
        num_groups: Number of groups.
    """

    correct: Tensor
    count: Tensor

    def __init__(self, num_groups: int) -> None:
        super().__init__()
        for name in ("correct", "count"):
            self.add_state(name, torch.zeros(num_groups, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, predictions: Tensor, labels: Tensor, groups: Tensor) -> None:
        """Adds answers; all three are int64 of one shape, entries with label `IGNORED` do not count."""
        asked = labels != IGNORED
        self.count += _count(groups, asked, len(self.count))
        self.correct += _count(groups, asked & (predictions == labels), len(self.count))

    def compute(self) -> Tensor:
        """Accuracy of each group (groups,), float32; NaN for a group without answers."""
        return self.correct / self.count


def _count(values: Tensor, counted: Tensor, bins: int) -> Tensor:
    # scatter_add rather than bincount or indexing: no shape depends on the data, so a GPU need not wait.
    index = torch.where(counted, values, 0).flatten()
    zeros = torch.zeros(bins, dtype=torch.int64, device=values.device)
    return zeros.scatter_add(0, index, counted.flatten().long())
