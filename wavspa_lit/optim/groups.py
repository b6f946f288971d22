"""Which parameters decay."""

from typing import Any

from torch import nn

GROUPS = ("decay", "no_decay")


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Splits the trainable parameters into a group that decays and one that does not.

    Only the matrices of linear maps decay. Wavelet filters and lattice angles must not decay, because smaller filters
    do not reconstruct the signal. Norms, biases, embeddings and positions do not decay either.

    Returns:
        Two groups for a torch optimiser, in a fixed order, each with its `weight_decay` and its name, one of `GROUPS`.
    """
    matrices = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) in matrices], "weight_decay": weight_decay, "name": GROUPS[0]},
        {"params": [p for p in trainable if id(p) not in matrices], "weight_decay": 0.0, "name": GROUPS[1]},
    ]
