"""The rows of a table of predictions."""

import pytest
import torch

from wavspa_lit.callbacks import PredictionTable
from wavspa_lit.callbacks.predictions import answers

CLASSES = ("no", "yes")


def batch(labels, likeliest):
    probabilities = torch.nn.functional.one_hot(torch.tensor(likeliest), 2) * 0.5 + 0.25
    prediction = probabilities.argmax(-1)
    return {
        "label": torch.tensor(labels),
        "prediction": prediction,
        "probability": probabilities.amax(-1),
        "probabilities": probabilities,
    }


def test_sequences_are_numbered_over_all_batches():
    rows = list(answers([batch([0, 1], [1, 1]), batch([1], [0])], None, CLASSES))
    assert [row["sequence"] for row in rows] == [0, 1, 2]
    assert rows[2] == {
        **{"sequence": 2, "position": None, "label": 1, "prediction": 0, "class": "no", "probability": 0.75},
        **{"probability_no": 0.75, "probability_yes": 0.25},
    }


def test_own_examples_have_names_and_no_labels():
    rows = list(answers([batch([0, 0], [1, 0])], ["first.txt", "second.txt"], ()))
    assert [(row["name"], row["prediction"]) for row in rows] == [("first.txt", 1), ("second.txt", 0)]
    assert "label" not in rows[0] and "class" not in rows[0] and rows[0]["probability_1"] == 0.75


def test_only_positions_that_are_asked_have_a_row():
    rows = list(answers([batch([[-100, 1], [0, -100]], [[0, 1], [1, 0]])], None, CLASSES))
    assert [(row["sequence"], row["position"], row["label"]) for row in rows] == [(0, 1, 1), (1, 0, 0)]


def test_other_formats_are_refused():
    with pytest.raises(ValueError, match=r"--output table\.xlsx: the name must end with \.csv or \.parquet"):
        PredictionTable("table.xlsx")
