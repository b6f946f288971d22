"""Trains a small task with Lightning's FSDP strategy, which is for GPUs, on two CPU processes.

python fsdp_training.py DEVICES FOLDER [CHECKPOINT]

One device leaves FOLDER/last.ckpt after an epoch; from a CHECKPOINT it goes on. Then there is another epoch.
"""

import sys
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import FSDPStrategy
from torch.distributed.fsdp import FullyShardedDataParallel

from datamodules import Lego
from wavspa_lit.callbacks import GradientNorm, Results, Throughput, WaveletMonitor
from wavspa_lit.nn import EncoderConfig
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.shutdown import close_process_group
from wavspa_lit.tasks import TokenReasoning
from wavspa_lit.wavelets import WaveletConfig

BATCH = 16


class Save(Callback):
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.world_size == 1 and trainer.current_epoch == 0:
            trainer.save_checkpoint(f"{trainer.logger.log_dir}/last.ckpt")


class Shards(FSDPStrategy):
    def _setup_model(self, model: Any) -> Any:
        return FullyShardedDataParallel(model, device_id=torch.device("cpu"), **self.kwargs)

    def barrier(self, name: str | None = None) -> None:
        if torch.distributed.is_initialized():
            torch.distributed.barrier()


def main(devices: int, folder: str, checkpoint: str | None = None) -> None:
    seed_everything(0)
    data = Lego(n_vars=4, n_train_vars=2, num_train=64, num_val=21, num_test=21, batch_size=BATCH // devices)
    encoder = EncoderConfig(dim=16, layers=1, mlp_dim=16, dropout=0.0, wavelet=WaveletConfig(penalty=0.1))
    names = ("vocab_size", "num_classes", "max_length", "group_name", "group_values", "trained_groups")
    task = TokenReasoning(
        encoder, OptimizerConfig(lr=0.01, warmup_steps=1), **{name: getattr(data, name) for name in names}
    )
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        strategy=Shards() if devices > 1 else "auto",
        callbacks=[GradientNorm(), Results(), Throughput(), WaveletMonitor(), Save()],
        default_root_dir=folder,
        logger=TensorBoardLogger(folder, name="", version="", default_hp_metric=False),
        enable_checkpointing=False,  # PyTorch ends with a segmentation fault where it gathers weights on CPUs
        enable_progress_bar=False,
        gradient_clip_val=1.0,
        max_epochs=2,
        log_every_n_steps=1,
    )
    trainer.fit(task, data, ckpt_path=checkpoint)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
    close_process_group()
