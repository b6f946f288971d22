"""Losses, metrics and answers for every sort of label, against counting by hand and against torchmetrics."""

import pytest
import torch
from torchmetrics.functional.classification import multiclass_auroc, multiclass_f1_score, multilabel_average_precision
from torchmetrics.functional.regression import r2_score

from wavspa_lit.tasks.objectives import Classes, Multilabel, Numbers
from wavspa_lit.tasks.scores import Scores


def scored(objective, batches) -> dict[str, float]:
    scores: Scores = objective.build_scores()
    for outputs, labels in batches:
        scores.loss.update(*objective.loss(outputs, labels))
        scores.update(outputs, labels)
    return {name: float(metric.compute()) for name, metric in scores.logged()}


def halves(outputs, labels):
    return [(outputs[:30], labels[:30]), (outputs[30:], labels[30:])]


def test_weights_count_labels_of_a_class_as_often_as_they_say():
    logits, labels = torch.randn(4, 3), torch.tensor([0, 2, 2, -100])
    weighted = Classes(3, [2.0, 1.0, 1.0])
    loss, count = weighted.loss(logits, labels, weighted.weights)
    twice, _ = weighted.loss(logits[[0, 0, 1, 2]], labels[[0, 0, 1, 2]])
    torch.testing.assert_close(loss, twice)
    assert count == 3
    assert float(weighted.loss(logits, torch.full((4,), -100), weighted.weights)[0]) == 0
    torch.testing.assert_close(weighted.loss(logits, labels)[0], Classes(3).loss(logits, labels)[0])


def test_balanced_weights_make_every_class_weigh_the_same():
    objective = Classes(4, "balanced")
    labels = [torch.tensor([0, 0, 0, 1]), torch.tensor([[1, 2], [-100, 0]])]
    objective.prepare(labels)
    assert objective.weights.tolist() == pytest.approx([7 / 16, 7 / 8, 7 / 4, 7 / 4])
    many = Multilabel(2, "balanced")
    many.prepare([torch.tensor([[1.0, 0.0], [0.0, torch.nan]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])])
    assert many.weights.tolist() == pytest.approx([3.0, 2.0])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Classes(3, [1.0]), "class_weights has 1 numbers, and the data have 3 classes"),
        (lambda: Classes(2, [1.0, 0.0]), "class_weights must be above 0"),
        (lambda: Multilabel(1), "needs 2 classes at least"),
        (lambda: Numbers(2, [1.0], [1.0]), "target_mean has 1 numbers, and the data have 2 targets"),
        (lambda: Numbers(1, [1.0]), "give both of model.target_mean and model.target_sd"),
        (lambda: Numbers(1, [1.0], [0.0]), "target_sd must be above 0"),
    ],
)
def test_impossible_settings_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_metrics_for_rare_classes_leave_ignored_labels_out():
    logits, labels = torch.randn(64, 4), torch.randint(0, 4, (64,))
    labels[::7] = -100
    found = scored(Classes(4, imbalance=True), halves(logits, labels))
    asked = labels >= 0
    expected = multiclass_f1_score(logits[asked], labels[asked], 4)
    area = multiclass_auroc(logits[asked].softmax(-1), labels[asked], 4)
    assert found["f1"] == pytest.approx(float(expected)) and found["auroc"] == pytest.approx(float(area))
    assert scored(Classes(4, imbalance=True, exact=False), halves(logits, labels))["auroc"] == pytest.approx(
        float(area), abs=0.01
    )
    assert list(scored(Classes(4), halves(logits, labels))) == ["loss", "acc", "chance"]


def test_metrics_of_several_classes_at_once_leave_ignored_labels_out():
    logits, labels = torch.randn(64, 3), torch.randint(0, 2, (64, 3)).float()
    labels[50:], labels[3, 1] = torch.nan, torch.nan
    found = scored(Multilabel(3), halves(logits, labels))
    asked = ~labels.isnan()
    right = ((logits > 0) == (labels == 1))[asked].float().mean()
    ones = labels.nan_to_num().sum(0)
    constant = torch.maximum(ones, asked.sum(0) - ones).sum() / asked.sum()
    assert found["acc"] == pytest.approx(float(right)) and found["chance"] == pytest.approx(float(constant))
    target = labels.nan_to_num(-100).long()
    precision = multilabel_average_precision(logits.sigmoid(), target, 3, ignore_index=-100)
    assert found["map"] == pytest.approx(float(precision))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits[asked], labels[asked])
    assert found["loss"] == pytest.approx(float(loss))


def test_metrics_of_numbers_are_in_their_units_and_leave_missing_ones_out():
    labels = torch.randn(64, 2) * torch.tensor([1.0, 500.0]) + torch.tensor([3.0, 1e6])
    outputs = labels + torch.randn(64, 2) * torch.tensor([0.1, 100.0])
    objective = Numbers(2)
    objective.prepare(each for _, each in halves(outputs, labels))
    torch.testing.assert_close(objective.mean, labels.double().mean(0).float())
    torch.testing.assert_close(objective.sd, labels.double().std(0, correction=0).float())
    found = scored(objective, halves(outputs, labels))
    assert found["r2"] == pytest.approx(float(r2_score(outputs.double(), labels.double())), abs=1e-4)
    assert found["mae"] == pytest.approx(float((outputs - labels).abs().mean()), rel=1e-5)
    missing = labels.clone()
    missing[::3, 0], missing[60:] = torch.nan, torch.nan
    found = scored(objective, halves(outputs, missing))
    each = [r2_score(outputs[a, i].double(), labels[a, i].double()) for i, a in enumerate(~missing.T.isnan())]
    assert found["r2"] == pytest.approx(float(torch.stack(each).mean()), abs=1e-4)
    assert found["mse"] == pytest.approx(float((outputs - labels)[~missing.isnan()].square().mean()), rel=1e-5)


def test_numbers_that_tell_nothing_have_no_r2_and_a_finite_loss():
    objective = Numbers(1)
    objective.prepare([torch.full((4, 1), 7.0)])
    assert (objective.mean.item(), objective.sd.item()) == (7.0, 1.0)
    found = scored(objective, [(torch.ones(1, 1), torch.full((1, 1), 7.0))])
    assert found["r2"] != found["r2"] and found["loss"] == 36
    assert float(objective.loss(torch.ones(2, 1), torch.full((2, 1), torch.nan))[0]) == 0


@pytest.mark.parametrize(
    "objective,outputs,labels,message",
    [
        (
            Numbers(1),
            torch.randn(8, 1),
            torch.randn(8),
            r"labels of the shape \(8,\), and the model answers \(8, 1\): labels.reshape",
        ),
        (Numbers(3), torch.randn(8, 3), torch.randn(8, 1), r"\(8, 1\), and the model answers \(8, 3\)$"),
        (Classes(3), torch.randn(8, 3), torch.zeros(8, 1).long(), r"\(8, 1\), and the model answers \(8,\)"),
    ],
)
def test_labels_of_another_shape_are_refused(objective, outputs, labels, message):
    """They would be compared each with each, and the loss of numbers would be another one without an error."""
    with pytest.raises(ValueError, match=message):
        objective.loss(outputs, labels)
