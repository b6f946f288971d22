"""What `wavspa predict` writes."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from wavspa_lit.files import replacing
from wavspa_lit.tasks.metrics import IGNORED

Row = dict[str, Any]


class PredictionTable(BasePredictionWriter):
    """Writes a row per answer.

    The columns are `sequence`, a number, or the `name` of a user's own example; `position` (empty for a label of the
    whole sequence) and `label`, unless a user's own examples have none; `prediction`, the number of the likeliest
    class; `class`, its name, if the data module has names; `probability`, that of this class; and
    `probability_{class}` for each class, by name or by number.

    If any number of classes may hold, there are `label_{class}` and `prediction_{class}`, 0 or 1, and
    `probability_{class}` for each class. Of several numbers there are `label_{name}` and `prediction_{name}`; of one
    number `label` and `prediction`.

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
        tables = all(isinstance(batch, Mapping) and "prediction" in batch for batch in predictions)
        if trainer.fast_dev_run or not tables:  # type: ignore[attr-defined]
            return
        path = Path(self.output or Path(trainer.default_root_dir) / "predictions.csv")
        data = trainer.datamodule  # type: ignore[attr-defined]
        rows = list(answers(predictions, getattr(data, "input_names", None), getattr(data, "class_names", ())))
        if path.suffix == ".parquet":
            from pyarrow import Table, parquet

            with replacing(path, "wb") as file:
                parquet.write_table(Table.from_pylist(rows), file)
        else:
            with replacing(path, newline="") as file:
                table = csv.DictWriter(file, rows[0] if rows else ())
                table.writeheader()
                table.writerows(rows)
        print(f"Predictions are in {path}")


def answers(
    predictions: Sequence[Mapping[str, Tensor]], names: Sequence[str] | None, classes: Sequence[str]
) -> Iterator[Row]:
    """The rows of a table of predictions.

    Args:
        predictions: What `Task.predict_step` returns of each batch.
        names: Names of a user's own examples; None if the sequences are numbered.
        classes: Names of the classes; empty if they are numbered. Not used where only the likeliest class is known.
    """
    sequences = sum(len(batch["prediction"]) for batch in predictions)
    ways = max(1, sequences // len(names)) if names else 1  # pairs count as two sequences in pretraining
    start = 0
    for batch in predictions:
        one_class = "probability" in batch
        labels = batch["label"].cpu() if "label" in batch else torch.zeros_like(batch["prediction"]).cpu()
        asked = (
            labels != IGNORED if one_class else (labels >= 0 if "probabilities" in batch else ~labels.isnan()).any(-1)
        )
        if (names is not None and not one_class and labels.dim() == 2) or "label" not in batch:
            asked[:] = True  # a user's own example need not have labels
        for index in asked.nonzero().tolist():
            where, sequence = tuple(index), start + index[0]
            row: Row = {"sequence": sequence} if names is None else {"name": names[sequence // ways]}
            if names is None or len(where) > 1:
                row["position"] = where[1] if len(where) > 1 else None
            # Pretraining makes labels of a user's own examples; other tasks have none for them.
            scored = names is None or (len(where) > 1 and "probabilities" not in batch)
            scored = scored and "label" in batch
            yield row | (_class if one_class else _values)(batch, where, classes, scored)
        start += len(labels)


def _class(batch: Mapping[str, Tensor], where: tuple[int, ...], classes: Sequence[str], scored: bool) -> Row:
    """The columns of a label that is one class."""
    row: Row = {"label": int(batch["label"][where])} if scored else {}
    row["prediction"] = int(batch["prediction"][where])
    if classes and "probabilities" in batch:  # pretraining predicts tokens, not classes
        row["class"] = classes[row["prediction"]]
    row["probability"] = round(float(batch["probability"][where]), 6)
    if "probabilities" in batch:
        each = enumerate(batch["probabilities"][where].tolist())
        row |= {f"probability_{classes[n] if classes else n}": round(value, 6) for n, value in each}
    return row


def _values(batch: Mapping[str, Tensor], where: tuple[int, ...], classes: Sequence[str], scored: bool) -> Row:
    """The columns of a label that is several numbers, or says of several classes whether they hold; NaN is empty."""
    row: Row = {}
    kinds = [*(["label"] if scored else []), "prediction", *(["probabilities"] if "probabilities" in batch else [])]
    for kind in kinds:
        values = batch[kind][where].tolist()
        names = classes if len(classes) == len(values) else range(len(values))
        for name, value in zip(names, values, strict=True):
            column = "probability" if kind == "probabilities" else kind
            shown = round(value, 6) if kind == "probabilities" else float(f"{value:.7g}")
            if "probabilities" in batch and kind != "probabilities":
                shown = int(value) if value >= 0 else None
            row[column if len(values) == 1 else f"{column}_{name}"] = None if value != value else shown
    return row
