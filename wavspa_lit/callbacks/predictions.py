"""What `wavspa predict` writes."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from wavspa_lit.files import replacing
from wavspa_lit.tasks.metrics import IGNORED

Row = dict[str, Any]


class PredictionTable(BasePredictionWriter):
    """Writes a row per answer.

    The columns are sequence, position (empty for a label of the whole sequence), label, prediction and its probability;
    for a user's own examples, their name, the prediction and its probability.

    Args:
        output: A .csv or .parquet file; default: `predictions.csv` in the run directory. Parquet needs pyarrow.
    """

    def __init__(self, output: str | None = None) -> None:
        super().__init__(write_interval="epoch")
        if output and Path(output).suffix not in (".csv", ".parquet"):
            raise ValueError(f"--output {output}: the name must end with .csv or .parquet")
        if output and output.endswith(".parquet"):
            try:
                import pyarrow  # noqa: F401
            except ImportError:
                raise ValueError(
                    f"--output {output}: Parquet needs pyarrow (pip install pyarrow), or use .csv"
                ) from None
        self.output = output

    def write_on_epoch_end(
        self, trainer: Trainer, pl_module: LightningModule, predictions: Sequence[Any], batch_indices: Sequence[Any]
    ) -> None:
        """Writes the table."""
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        path = Path(self.output or Path(trainer.default_root_dir) / "predictions.csv")
        names = getattr(trainer.datamodule, "input_names", None)  # type: ignore[attr-defined]
        rows = list(_answers(predictions) if names is None else _named(predictions, names))
        if path.suffix == ".parquet":
            from pyarrow import Table, parquet

            with replacing(path, "wb") as file:
                parquet.write_table(Table.from_pylist(rows), file)
        else:
            with replacing(path, newline="") as file:
                table = csv.DictWriter(file, rows[0].keys())
                table.writeheader()
                table.writerows(rows)
        print(f"Predictions are in {path}")


def _answers(predictions: Sequence[Any]) -> Iterator[Row]:
    start = 0
    for batch in predictions:
        labels = batch["label"].cpu()
        for index in (labels != IGNORED).nonzero().tolist():
            where = tuple(index)
            yield {
                "sequence": start + index[0],
                "position": index[1] if len(index) > 1 else None,
                "label": int(labels[where]),
                "prediction": int(batch["prediction"][where]),
                "probability": round(float(batch["probability"][where]), 6),
            }
        start += len(labels)


def _named(predictions: Sequence[Any], names: Sequence[str]) -> Iterator[Row]:
    answers = [pair for b in predictions for pair in zip(b["prediction"], b["probability"], strict=True)]
    for name, (prediction, probability) in zip(names, answers, strict=True):
        yield {"name": name, "prediction": int(prediction), "probability": round(float(probability), 6)}
