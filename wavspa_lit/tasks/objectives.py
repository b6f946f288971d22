"""What labels are: classes, several classes at once, or numbers. Each has a loss, metrics and answers of its own."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from wavspa_lit.choices import check
from wavspa_lit.tasks.metrics import IGNORED
from wavspa_lit.tasks.scores import ClassScores, MultilabelScores, RegressionScores, Scores

Weights = Sequence[float] | Literal["balanced"] | None
"""A number for each class; or `balanced`, from how often the classes occur among the training labels."""


class Objective(nn.Module, ABC):
    """What a task asks for.

    Attributes:
        score: Name of the metric by which the best weights are chosen; more is better.
        weights: Weights of the classes in the training loss, (classes,); None if all classes count alike.
        answered: What is answered, in words; `{}` stands for a number.
        reads_labels: Whether `prepare` has to see the training labels before a training begins.
    """

    score: ClassVar[str] = "acc"
    answered: ClassVar[str] = "{} classes"
    weights: Tensor | None
    reads_labels = False

    @abstractmethod
    def loss(self, outputs: Tensor, labels: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The mean loss over the labels that are not ignored.

        Args:
            outputs: What the head gives: (*labels' shape, classes) for a class each, otherwise like the labels.
            labels: See the subclass.
            weights: (classes,), by which the labels of each class count; None: all count alike.

        Returns:
            The loss, and the number of labels that are not ignored, both without axes.
        """

    @abstractmethod
    def build_scores(self) -> Scores:
        """The metrics of an evaluation split."""

    @abstractmethod
    def batch_score(self, outputs: Tensor, labels: Tensor) -> tuple[str, Tensor]:
        """Name and value of a metric of one training batch; arguments as for `loss`."""

    @abstractmethod
    def answers(self, outputs: Tensor) -> dict[str, Tensor]:
        """What there is to say of each answer, see `Task.predict_step`; outputs as for `loss`."""

    def decode(self, outputs: Tensor) -> Tensor:
        """Maps what a head gives to what a task answers: the same shape, in units of the labels."""
        return outputs

    def prepare(self, labels: Iterable[Tensor]) -> None:
        """Takes what it needs from the training labels, which come batch by batch."""


class Classes(Objective):
    """One class for each label, an int64; `IGNORED` where nothing is asked.

    Args:
        num_classes: Number of classes.
        weights: See `Weights`; they concern the training loss alone, so that validation losses can be compared.
        imbalance: Whether to report macro F1, AUROC and the confusion matrix as well.
        exact: Whether AUROC keeps all probabilities. If False it is taken at 512 thresholds, in bounded memory.
    """

    def __init__(
        self, num_classes: int, weights: Weights = None, *, imbalance: bool = False, exact: bool = True
    ) -> None:
        super().__init__()
        self.num_classes, self.imbalance, self.exact = num_classes, imbalance, exact
        self.reads_labels = isinstance(weights, str)
        # Not part of checkpoints, because evaluations do not need them and a resumed training has the labels again.
        self.register_buffer("weights", class_weights(weights, num_classes), persistent=False)

    def loss(self, outputs: Tensor, labels: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `Objective.loss`: the cross-entropy of logits (*labels' shape, classes)."""
        check_labels(labels, outputs.shape[:-1])
        asked = labels != IGNORED
        count = asked.sum()
        total = nn.functional.cross_entropy(
            outputs.flatten(0, -2).float(), labels.flatten(), weights, ignore_index=IGNORED, reduction="sum"
        )
        if weights is None:
            return total / count.clamp(min=1), count
        weight = (weights[labels.masked_fill(~asked, 0)] * asked).sum()
        return total / torch.where(weight > 0, weight, 1.0), count

    def build_scores(self) -> Scores:
        """See `Objective.build_scores`."""
        return ClassScores(self.num_classes, imbalance=self.imbalance, exact=self.exact)

    def batch_score(self, outputs: Tensor, labels: Tensor) -> tuple[str, Tensor]:
        """See `Objective.batch_score`."""
        correct = (outputs.argmax(-1) == labels).sum()
        return "acc", correct / (labels != IGNORED).sum().clamp(min=1)

    def answers(self, outputs: Tensor) -> dict[str, Tensor]:
        """See `Objective.answers`."""
        probabilities = outputs.float().softmax(-1)
        probability, prediction = probabilities.max(-1)
        return {"prediction": prediction, "probability": probability, "probabilities": probabilities}

    def prepare(self, labels: Iterable[Tensor]) -> None:
        """Sets `balanced` weights: labels / (classes · labels of the class)."""
        count = torch.zeros(self.num_classes, dtype=torch.int64)
        for each in labels:
            count += torch.bincount(each[each != IGNORED].flatten(), minlength=self.num_classes)
        self.weights = (count.sum() / (self.num_classes * count.clamp(min=1))).to(self.get_buffer("weights"))


class Multilabel(Objective):
    """Any number of the classes for each sequence: labels (batch, classes) float32, 1 for each that holds, NaN ignored.

    Args:
        num_classes: Number of classes.
        weights: As for `Classes`, of the labels that hold; `balanced` is how many do not for each that does.
    """

    score: ClassVar[str] = "f1"
    answered: ClassVar[str] = "any of {} classes"

    def __init__(self, num_classes: int, weights: Weights = None) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(
                f"MultilabelClassification needs 2 classes at least, got {num_classes}; for yes or no use "
                "SequenceClassification with classes of these names"
            )
        self.num_classes, self.reads_labels = num_classes, isinstance(weights, str)
        self.register_buffer("weights", class_weights(weights, num_classes), persistent=False)

    def loss(self, outputs: Tensor, labels: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `Objective.loss`: the binary cross-entropy of each class."""
        asked = known(labels)
        count, target = asked.sum(), labels.float().masked_fill(~asked, 0.0)
        each = nn.functional.binary_cross_entropy_with_logits(
            outputs.float(), target, pos_weight=weights, reduction="none"
        )
        return (each * asked).sum() / count.clamp(min=1), count

    def build_scores(self) -> Scores:
        """See `Objective.build_scores`."""
        return MultilabelScores(self.num_classes)

    def batch_score(self, outputs: Tensor, labels: Tensor) -> tuple[str, Tensor]:
        """See `Objective.batch_score`."""
        asked = known(labels)
        return "acc", (((outputs > 0) == (labels > 0.5)) & asked).sum() / asked.sum().clamp(min=1)

    def answers(self, outputs: Tensor) -> dict[str, Tensor]:
        """See `Objective.answers`: whether each class holds, and its probability."""
        probabilities = outputs.float().sigmoid()
        return {"prediction": (probabilities > 0.5).long(), "probabilities": probabilities}

    def prepare(self, labels: Iterable[Tensor]) -> None:
        """Sets `balanced` weights."""
        holding, count = torch.zeros(2, self.num_classes, dtype=torch.float64)
        for each in labels:
            asked = known(each)
            holding += ((each > 0.5) & asked).sum(0)
            count += asked.sum(0)
        self.weights = ((count - holding) / holding.clamp(min=1)).clamp(min=1e-3).to(self.get_buffer("weights"))


class Numbers(Objective):
    """Numbers: labels (..., values) float32, NaN where one is missing.

    The loss is the squared error of normalised numbers, so that it does not depend on their units. What they are
    normalised by is part of the state dict and travels in checkpoints.

    Args:
        values: How many.
        mean: Mean of each; None: of the training labels.
        sd: Standard deviation of each; None: of the training labels.
        reads_labels: Whether the training labels tell mean and sd; otherwise they are 0 and 1 if not given.
    """

    score: ClassVar[str] = "r2"
    answered: ClassVar[str] = "{} numbers"
    mean: Tensor
    sd: Tensor

    def __init__(
        self,
        values: int,
        mean: Sequence[float] | None = None,
        sd: Sequence[float] | None = None,
        *,
        reads_labels: bool = True,
    ) -> None:
        super().__init__()
        for name, given in (("target_mean", mean), ("target_sd", sd)):
            if given is not None and len(given) != values:
                raise ValueError(f"model.{name} has {len(given)} numbers, and the data have {values} targets")
        if (mean is None) != (sd is None):
            raise ValueError("give both of model.target_mean and model.target_sd, or none: the training data tell them")
        if sd is not None and min(sd) <= 0:
            raise ValueError(f"model.target_sd must be above 0, got {list(sd)}")
        self.values, self.reads_labels, self.weights = values, reads_labels and mean is None, None
        self.register_buffer("mean", torch.tensor(mean) if mean is not None else torch.zeros(values))
        self.register_buffer("sd", torch.tensor(sd) if sd is not None else torch.ones(values))

    def decode(self, outputs: Tensor) -> Tensor:
        """See `Objective.decode`."""
        return outputs.float() * self.sd + self.mean

    def loss(self, outputs: Tensor, labels: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `Objective.loss`: the mean squared error of the normalised numbers."""
        check_labels(labels, outputs.shape)
        asked = ~labels.isnan()
        count = asked.sum()
        error = ((outputs.float() - labels.nan_to_num()) / self.sd).masked_fill(~asked, 0.0)
        return error.square().sum() / count.clamp(min=1), count

    def build_scores(self) -> Scores:
        """See `Objective.build_scores`."""
        return RegressionScores(self)

    def batch_score(self, outputs: Tensor, labels: Tensor) -> tuple[str, Tensor]:
        """See `Objective.batch_score`."""
        asked = ~labels.isnan()
        return "mae", (outputs - labels).abs().masked_fill(~asked, 0.0).sum() / asked.sum().clamp(min=1)

    def answers(self, outputs: Tensor) -> dict[str, Tensor]:
        """See `Objective.answers`."""
        return {"prediction": outputs}

    def prepare(self, labels: Iterable[Tensor]) -> None:
        """Takes mean and standard deviation of the training labels; those of constant labels are taken to be 1."""
        count, total, squares = torch.zeros(3, self.values, dtype=torch.float64)
        first: Tensor | None = None
        for each in labels:
            numbers = each.double().reshape(-1, self.values)
            asked = ~numbers.isnan()
            if first is None:  # squares of distances from a number near the mean keep their digits
                first = torch.nan_to_num(numbers.nanmean(0))
            away = (numbers - first).masked_fill(~asked, 0.0)
            count, total, squares = count + asked.sum(0), total + away.sum(0), squares + away.square().sum(0)
        mean = total / count.clamp(min=1)
        sd = (squares / count.clamp(min=1) - mean.square()).clamp(min=0).sqrt()
        self.mean = (mean + (0 if first is None else first)).to(self.mean)
        self.sd = torch.where(sd > 1e-12, sd, 1.0).to(self.sd)


def check_labels(labels: Tensor, shape: torch.Size) -> None:
    """Raises a ValueError unless labels have that shape: others would be compared each with each, without an error."""
    if labels.shape != shape:
        remedy = f": labels.reshape{tuple(shape)}" if labels.numel() == shape.numel() else ""
        raise ValueError(f"labels of the shape {tuple(labels.shape)}, and the model answers {tuple(shape)}{remedy}")


def known(labels: Tensor) -> Tensor:
    """Which labels (batch, classes) of several classes at once are neither NaN nor `IGNORED`, bool."""
    return labels >= 0  # False for NaN


def class_weights(weights: Weights, num_classes: int) -> Tensor | None:
    """The weights as a tensor; ones for `balanced`, until the training labels have been seen.

    Raises:
        ValueError: If there is not one above 0 for each class.
    """
    if weights is None:
        return None
    if isinstance(weights, str):
        check("model.class_weights", weights, ["balanced"])
        return torch.ones(num_classes)
    values = [float(weight) for weight in weights]
    if len(values) != num_classes:
        raise ValueError(f"model.class_weights has {len(values)} numbers, and the data have {num_classes} classes")
    if min(values) <= 0:
        raise ValueError(f"model.class_weights must be above 0, got {values}")
    return torch.tensor(values)


def plain(weights: Weights) -> Weights:
    """The weights as checkpoints keep them."""
    return weights if weights is None or isinstance(weights, str) else [float(weight) for weight in weights]
