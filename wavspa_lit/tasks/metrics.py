"""Metrics that torchmetrics lacks."""

import torch
from torch import Tensor
from torchmetrics import Metric

IGNORED = -100
"""Label of what is not scored: padding, unasked positions, examples repeated to even out the ranks."""


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


class ConstantLabels(Metric):
    """Share of right answers of always giving, for each class, the answer that is more frequent.

    Args:
        num_classes: Number of classes, any number of which may hold at once.
    """

    count: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.add_state("count", torch.zeros(2, num_classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, labels: Tensor) -> None:
        """Counts labels (batch, classes), 0 or 1; `IGNORED` ones do not count."""
        self.count += torch.stack([(labels == value).sum(0) for value in (0, 1)])

    def compute(self) -> Tensor:
        """That share."""
        return self.count.amax(0).sum() / self.count.sum()


class Determination(Metric):
    """R², the coefficient of determination: 1 is perfect, 0 as good as always giving the mean; averaged over values.

    Unlike torchmetrics' `R2Score`, it leaves missing labels out, each for itself, and is NaN instead of an error when
    fewer than two labels are known, as in a sanity check.

    Args:
        values: How many numbers a label has.
    """

    sums: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        self.add_state("sums", torch.zeros(4, values), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, labels: Tensor) -> None:
        """Adds answers and labels, both (..., values); labels of NaN do not count."""
        asked = ~labels.isnan()
        labels = labels.nan_to_num()
        error = (outputs - labels).masked_fill(~asked, 0.0)
        terms = torch.stack((asked.to(labels.dtype), labels * asked, labels.square() * asked, error.square()))
        self.sums += terms.flatten(1, -2).sum(1)

    def compute(self) -> Tensor:
        """The mean over those values that have two different labels at least; NaN if there are none."""
        count, total, squares, residual = self.sums
        variation = squares - total.square() / count
        return torch.where((count > 1) & (variation > 1e-9 * squares), 1 - residual / variation, torch.nan).nanmean()


class TargetErrors(Metric):
    """Mean absolute error of each value of a label, for labels whose values have units of their own.

    Args:
        values: How many numbers a label has.
    """

    sums: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        self.add_state("sums", torch.zeros(2, values), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, labels: Tensor) -> None:
        """Adds answers and labels, both (..., values); labels of NaN do not count."""
        asked = ~labels.isnan()
        error = (outputs - labels).abs().masked_fill(~asked, 0.0)
        self.sums += torch.stack((asked.to(labels.dtype), error)).flatten(1, -2).sum(1)

    def compute(self) -> Tensor:
        """The errors (values,); NaN for a value without labels."""
        return self.sums[1] / self.sums[0]


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
        """Adds answers, labels and groups, int64 of one shape. Entries with the label `IGNORED` do not count."""
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
