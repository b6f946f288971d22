"""Checkpoints: reading them safely, and warm starts, weights from one and everything else anew."""

import re
from pathlib import Path
from typing import Any

import torch
from torch import nn


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names what is wrong with it."""


def read_checkpoint(path: str | Path, *, mmap: bool = False) -> dict[str, Any]:
    """Reads tensors and plain data, and nothing that would run code.

    Args:
        path: A checkpoint of a training.
        mmap: Leave tensors on the disk until they are used. This is enough to see whether the file can be read.

    Raises:
        CheckpointError: If it holds anything else, is damaged, or has no weights.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as error:  # what is raised for a damaged file depends on the damage
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it refers to {found[1]}, which could run code" if found else "it is damaged or something else"
        raise CheckpointError(f"{path}: not a checkpoint of tensors and plain data, {what}") from error
    if not isinstance(loaded, dict) or "state_dict" not in loaded:
        raise CheckpointError(f"{path}: not a checkpoint of a training, it has no state_dict")
    return loaded


def init_from(model: nn.Module, checkpoint: str | Path) -> str:
    """Copies the weights that a checkpoint has under the same name and in the same shape.

    Args:
        model: Whose weights are replaced.
        checkpoint: A Lightning checkpoint; read by `read_checkpoint`.

    Returns:
        A line that says what was taken and what was not.

    Raises:
        CheckpointError: If it cannot be read, has no weights, or the encoder's blocks are of another size.
    """
    weights = read_checkpoint(checkpoint)["state_dict"]
    own = model.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    blocks = [name for name in weights if name.startswith("encoder.blocks.") and name in own]
    other = [name for name in blocks if name not in fitting]
    if other or not blocks:
        what = f"{other[0]} has another shape" if other else "it has no blocks of that name"
        raise CheckpointError(f"--init_from {checkpoint}: the encoder is another one, {what}")
    model.load_state_dict(fitting, strict=False)
    parameters = [name for name, _ in model.named_parameters()]
    left = [name for name in parameters if name not in fitting]
    anew = f"; {len(left)} start anew: {', '.join(left[:8])}{', ...' if len(left) > 8 else ''}" if left else ""
    return f"Took {len(parameters) - len(left)} of {len(parameters)} parameters from {checkpoint}{anew}"
