"""Run by torchrun: trains an encoder whose parameters are sharded, and saves whole weights and losses.

torchrun --nproc-per-node 2 sharded_training.py KIND FILE
"""

import sys
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import fully_shard

from wavspa_lit.nn import Encoder, EncoderConfig
from wavspa_lit.shutdown import close_process_group
from wavspa_lit.wavelets import WaveletConfig

STEPS, BATCH, LENGTH = 3, 4, 24


def thread_names() -> list[str]:
    """Names of the threads of this process, those of libraries included; none where there is no /proc."""
    names = []
    for file in Path("/proc/self/task").glob("*/comm"):
        try:
            names.append(file.read_text().strip())
        except OSError:  # it has just ended
            continue
    return names


def build(kind: str) -> nn.ModuleDict:
    """The same model in every process."""
    torch.manual_seed(0)
    config = EncoderConfig(dim=16, layers=2, mlp_dim=32, dropout=0.0, wavelet=WaveletConfig(kind=kind, level=2))
    return nn.ModuleDict({"encoder": Encoder(config, vocab_size=11, max_length=LENGTH), "head": nn.Linear(16, 3)})


def train(model: nn.ModuleDict, rank: int, ranks: int) -> list[float]:
    """A few steps; each rank takes its share of the batch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    generator, losses = torch.Generator().manual_seed(1), []
    for _ in range(STEPS):
        tokens = torch.randint(1, 11, (BATCH, LENGTH), generator=generator)[rank::ranks]
        labels = torch.randint(3, (BATCH,), generator=generator)[rank::ranks]
        loss = nn.functional.cross_entropy(model["head"](model["encoder"](tokens)[0].mean(1)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def main(kind: str, file: str) -> None:
    """Trains and saves; holds nothing of the process group afterwards."""
    model = build(kind)
    for block in model["encoder"].blocks:
        fully_shard(block)
    fully_shard(model["encoder"])
    fully_shard(model["head"])
    losses = torch.tensor(train(model, distributed.get_rank(), distributed.get_world_size()))
    distributed.all_reduce(losses)
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = get_model_state_dict(model, options=options)
    if distributed.get_rank() == 0:
        mean = losses / distributed.get_world_size()
        torch.save({"weights": weights, "losses": mean.tolist()}, file)


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    main(*sys.argv[1:])
    close_process_group()
    left = [name for name in thread_names() if "gloo" in name]
    assert not left, f"{left} would race with the end of the interpreter"
