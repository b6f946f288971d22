"""predictions.csv: what `wavspa predict` writes."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from wavspa_lit.tasks.metrics import IGNORED


class PredictionTable(BasePredictionWriter):
    """Writes one row per answer: sequence, position (empty for a label of the whole sequence), label, prediction."""

    def __init__(self) -> None:
        super().__init__(write_interval="epoch")

    def write_on_epoch_end(
        self, trainer: Trainer, pl_module: LightningModule, predictions: Sequence[Any], batch_indices: Sequence[Any]
    ) -> None:
        """Writes `predictions.csv` into the run directory."""
        folder = trainer.log_dir
        assert folder is not None
        path = Path(folder) / "predictions.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["sequence", "position", "label", "prediction"])
            start = 0
            for batch in predictions:
                labels = batch["label"].cpu()
                for index in (labels != IGNORED).nonzero().tolist():
                    position = index[1] if len(index) > 1 else ""
                    label, prediction = labels[tuple(index)], batch["prediction"][tuple(index)]
                    table.writerow([start + index[0], position, int(label), int(prediction)])
                start += len(labels)
        print(f"Predictions are in {path}")
