"""The models that ship answer as they did when they were stored."""

from pathlib import Path

import pytest
import torch

from wavspa_lit import load

FOLDERS = sorted(path.parent for path in Path(__file__).parents[1].glob("checkpoints/*/predictions.pt"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_shipped_models_answer_as_they_did(folder):
    stored = torch.load(folder / "predictions.pt", weights_only=True)
    expected = stored.pop("logits")
    whole = {
        name: value if value.dtype == torch.bool or value.is_floating_point() else value.long()
        for name, value in stored.items()
    }
    assert len(expected) == 32
    with torch.inference_mode():
        torch.testing.assert_close(load(folder)(whole), expected, atol=1e-3, rtol=1e-3)


def test_shipped_models_are_small():
    sizes = {folder.name: sum(file.stat().st_size for file in folder.rglob("*")) / 1e6 for folder in FOLDERS}
    assert max(sizes.values()) <= 4.3 and sum(sizes.values()) <= 25  # megabytes; image-ada has weights of four bands
