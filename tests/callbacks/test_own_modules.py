"""Modules of the user's own in our trainer: what concerns tasks of this project steps aside."""

import csv

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

from wavspa_lit import SequenceClassification, WaveletAttention, build_trainer
from wavspa_lit.reporting.events import Events


class Own(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.embedding, self.head = torch.nn.Linear(1, 8), torch.nn.Linear(8, 2)
        self.layer = WaveletAttention(8, 2, "db2", level=1)

    def forward(self, x):
        return self.head(self.layer(self.embedding(x)).mean(1))

    def training_step(self, batch, batch_idx):
        loss = torch.nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val/acc", (self(batch[0]).argmax(-1) == batch[1]).float().mean())

    def test_step(self, batch, batch_idx):
        self.log("test/acc", (self(batch[0]).argmax(-1) == batch[1]).float().mean())

    def predict_step(self, batch, batch_idx):
        return self(batch[0])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters())


def test_a_module_of_ones_own_is_trained_tested_and_resumed(tmp_path):
    data = DataLoader(TensorDataset(torch.randn(16, 12, 1), torch.randint(0, 2, (16,))), batch_size=4)
    options = {"log_every_n_steps": 1, "accelerator": "cpu", "enable_progress_bar": False}
    for epochs in (1, 2):
        trainer = build_trainer(tmp_path / "run", max_epochs=epochs, **options)
        trainer.fit(Own(), data, data, ckpt_path="last")
    trainer.test(Own(), data, ckpt_path="best")
    assert len(trainer.predict(Own(), data)) == 4
    events = Events(tmp_path / "run")
    assert [step for step, _ in events.curve("train/loss")] == list(range(8))
    assert {"results.json", "checkpoints"} <= {path.name for path in (tmp_path / "run").iterdir()}


def test_sequences_without_labels_are_predicted_into_a_table(tmp_path):
    encoder = {"dim": 8, "layers": 1, "wavelet": {"name": "db2", "level": 1}, "attention": {"heads": 2}}
    task = SequenceClassification(encoder, {}, vocab_size=9, num_classes=3, max_length=12)
    data = DataLoader([{"tokens": row} for row in torch.randint(1, 9, (6, 12))], batch_size=4)
    build_trainer(tmp_path / "run", logger=False, accelerator="cpu", enable_progress_bar=False).predict(task, data)
    with (tmp_path / "run" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["sequence"] for row in rows] == list("012345") and "label" not in rows[0]


def test_a_profiler_that_is_asked_for_measures(tmp_path):
    data = DataLoader(TensorDataset(torch.randn(8, 16, 1), torch.arange(8) % 2), batch_size=4)
    trainer = build_trainer(tmp_path, profiler="simple", max_steps=1, accelerator="cpu", enable_progress_bar=False)
    trainer.fit(Own(), data)
    assert "run_training_batch" in trainer.profiler.recorded_durations
