"""Warm starts: weights from a checkpoint, everything else anew."""

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import nn


def init_from(model: nn.Module, checkpoint: str | Path) -> str:
    """Copies the weights that a checkpoint has under the same name and in the same shape.

    Args:
        model: Whose weights are replaced.
        checkpoint: A Lightning checkpoint; read with weights_only=True.

    Returns:
        A line that says what was taken and what was not.

    Raises:
        ValueError: If it cannot be read, it has no weights, or the encoder's blocks are of another size.
    """
    try:
        loaded = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (UnpicklingError, EOFError, RuntimeError):
        raise ValueError(f"--init_from {checkpoint}: not a checkpoint, of tensors and plain data alone") from None
    if not isinstance(loaded, dict) or "state_dict" not in loaded:
        raise ValueError(f"--init_from {checkpoint}: not a checkpoint of a training, it has no state_dict")
    own = model.state_dict()
    fitting = {k: v for k, v in loaded["state_dict"].items() if k in own and own[k].shape == v.shape}
    blocks = [name for name in loaded["state_dict"] if name.startswith("encoder.blocks.") and name in own]
    other = [name for name in blocks if name not in fitting]
    if other or not blocks:
        what = f"{other[0]} has another shape" if other else "it has no blocks of that name"
        raise ValueError(f"--init_from {checkpoint}: the encoder is another one, {what}")
    model.load_state_dict(fitting, strict=False)
    parameters = [name for name, _ in model.named_parameters()]
    left = [name for name in parameters if name not in fitting]
    anew = f"; {len(left)} start anew: {', '.join(left[:8])}{', ...' if len(left) > 8 else ''}" if left else ""
    return f"Took {len(parameters) - len(left)} of {len(parameters)} parameters from {checkpoint}{anew}"
