import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from torch._dynamo.testing import CompileCounter

from wavspa_lit import SequenceClassification
from wavspa_lit.callbacks import Compilation
from wavspa_lit.graphs import GraphedStates
from wavspa_lit.speed import CompiledMethod


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


class Watch(Callback):
    """What the encoder's methods are while it trains."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.kinds = {type(each) for module in pl_module.modules() for each in vars(module).values()}


def test_a_task_can_be_trained_again(tmp_path):
    """By graphs of its own: a training moves the parameters, of which graphs keep the addresses."""
    encoder = {"dim": 8, "layers": 2, "wavelet": {"name": "db2", "level": 1}, "attention": {"heads": 2}}
    task = SequenceClassification(encoder, {}, vocab_size=9, num_classes=2, max_length=12)
    data = torch.utils.data.DataLoader([{"tokens": torch.arange(12) % 8 + 1, "labels": torch.tensor(1)}] * 4)
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    for _ in range(2):
        watch = Watch()
        callbacks = [Compilation("graphs"), watch]
        trainer = Trainer(max_steps=1, default_root_dir=tmp_path, callbacks=callbacks, **options)
        with torch.compiler.set_stance("force_eager"):  # whatever the methods do, for speed
            trainer.fit(task, data)
        assert {CompiledMethod, GraphedStates} <= watch.kinds
        assert not any(
            isinstance(each, CompiledMethod | GraphedStates)
            for module in task.modules()
            for each in vars(module).values()
        )
