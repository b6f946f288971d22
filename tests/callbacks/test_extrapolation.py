"""The accuracies that the picture of a training is drawn from."""

import torch

from wavspa_lit.callbacks import ExtrapolationCurve


def test_a_resumed_training_goes_on_with_its_picture():
    first, second = ExtrapolationCurve(), ExtrapolationCurve()
    first._steps, first._curves = [5, 10], [{1: 0.5, 3: 0.25}, {1: 1.0, 2: 0.75, 3: 0.5}]
    saved = first.state_dict()
    assert saved["groups"] == [1, 2, 3]
    torch.testing.assert_close(
        saved["accuracies"], torch.tensor([[0.5, torch.nan, 0.25], [1.0, 0.75, 0.5]]), equal_nan=True
    )
    second.load_state_dict(saved)
    again = second.state_dict()
    assert again["steps"] == [5, 10] and again["groups"] == saved["groups"]
    torch.testing.assert_close(again["accuracies"], saved["accuracies"], equal_nan=True)
