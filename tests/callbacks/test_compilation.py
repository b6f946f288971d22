import pytest
import torch
from lightning import LightningModule, Trainer
from torch._dynamo.testing import CompileCounter

from wavspa_lit.callbacks import Compilation


class Layer(torch.nn.Linear):
    """A layer of this file's, because PyTorch does not compile its own alone."""

    def forward(self, x):
        return super().forward(x).relu()


class Tiny(LightningModule):
    """One compiled layer, which counts how often it was compiled by the end of the check and of the training."""

    def __init__(self):
        super().__init__()
        self.layer, self.counter, self.counts = Layer(2, 1), CompileCounter(), []
        self.layer.compile(backend=self.counter)

    def training_step(self, batch):
        return self.layer(batch).sum()

    def validation_step(self, batch):
        self.layer(batch)
        self.counts.append(self.counter.frame_count)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters())

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(4, 2), batch_size=4)

    val_dataloader = train_dataloader


def test_the_check_compiles_nothing_and_the_training_does(tmp_path):
    module = Tiny()
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    Trainer(
        max_epochs=1, accelerator="cpu", default_root_dir=tmp_path, callbacks=[Compilation("compile")], **options
    ).fit(module)
    assert module.counts[0] == 0 and module.counts[-1] >= 1


def test_what_would_compile_nothing_is_refused():
    with pytest.raises(ValueError, match="'auto'"):
        Compilation("auto")
