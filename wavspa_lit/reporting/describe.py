"""`wavspa describe`: a model as a table."""

import copy
from typing import cast

import torch
from lightning import Trainer
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from wavspa_lit.attention.performer import PerformerAttention
from wavspa_lit.nn import Block
from wavspa_lit.nn.cost import training_cost
from wavspa_lit.tasks import Task


def describe(task: Task, length: int) -> str:
    """Bands, parameters, operations and activation memory of a model.

    Operations are those of matrix products and convolutions in a forward pass over one sequence, as
    torch.utils.flop_counter counts them (2 for a multiplication and addition), attention included. Activation memory is
    what the forward pass of one sequence in training keeps for the backward pass, in float32, parameters left out.
    Blocks through which the input passes several times cost that many times as much; their parameters count once.

    Args:
        task: The model.
        length: Tokens of the sequence.
    """
    encoder = task.encoder
    total = length + int(encoder.cls_token is not None)
    rows: list[tuple[object, ...]] = [("part", "bands (entries)", "parameters", "MFLOP", "activations, MiB")]
    own = 0 if encoder.cls_token is None else encoder.cls_token.numel()
    rows.append(("embedding", "", _count(encoder.embedding) + _count(encoder.positions) + own, "", ""))
    block = copy.deepcopy(cast(Block, encoder.blocks[0]))  # neither compiled, nor called in the training's stead
    for module in block.modules():
        if isinstance(module, PerformerAttention):
            module.redraw_interval = 0  # reads a number, and here there are only shapes
    with FakeTensorMode(allow_non_fake_inputs=True):
        x = torch.zeros(1, total, task.encoder_config.dim, requires_grad=True, device=task.device)
        flops, kept = training_cost(block, x)
    if encoder.checkpointing:
        kept = x.nbytes
    flops, kept = flops * encoder.loops, kept * encoder.loops
    whole = flops * len(encoder.blocks)  # all blocks are alike; to count the whole encoder takes as long as they do
    if isinstance(encoder.embedding, nn.Linear):
        whole += 2 * length * encoder.embedding.weight.numel()
    bands = " + ".join(map(str, block.space.lengths(total))) or "none"
    for index, each in enumerate(encoder.blocks):
        rows.append((f"block {index}", bands, _count(each), f"{flops / 1e6:.2f}", f"{kept / 2**20:.2f}"))
    rows.append(("norm", "", _count(encoder.norm), "", ""))
    rows.append(("head", "", _count(cast(nn.Module, task.head)), "", ""))
    everything = sum(p.numel() for p in task.parameters())
    memory = kept * len(encoder.blocks) / 2**20
    rows.append(("all", "", everything, f"{whole / 1e6:.2f}", f"{memory:.2f}"))
    title = f"{type(task).__name__} at length {length}: {task.encoder_config.space} space"
    if task.encoder_config.share_layers:
        title += f", {encoder.loops} passes in training, {encoder.test_loops} in evaluation"
    return "\n".join([title, *_aligned([tuple(map(str, row)) for row in rows])])


def global_batch(batch_size: int, trainer: Trainer) -> str:
    """How many examples one optimiser step sees."""
    devices, nodes, steps = trainer.num_devices, trainer.num_nodes, trainer.accumulate_grad_batches
    product = batch_size * devices * nodes * steps
    return (
        f"one optimiser step: batch_size {batch_size} x {devices} devices x {nodes} nodes x "
        f"accumulate_grad_batches {steps} = {product} examples"
    )


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [lines[0], "-" * len(lines[0]), *lines[1:-1], "-" * len(lines[0]), lines[-1]]
