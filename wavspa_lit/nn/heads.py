"""What turns encoder states into predictions."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from wavspa_lit.choices import check

Pooling = Literal["cls", "first", "ends", "mean", "max"]
Interaction = Literal["concat", "nli"]
Activation = Literal["normed_gelu", "relu"]


class NormedGELU(nn.Module):
    """GELU of units that are normalised to mean 0 and variance 1, for each example among its units; no parameters.

    It keeps a head alive on a plateau. While there is nothing to learn from yet, Adam moves weights by as much as ever,
    and what pooled states have in common adds up: ReLUs, and GELUs a little later, come to be far below 0 for every
    example, where they have no gradient. Normalised units cannot all be.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (..., units) to the same shape."""
        return nn.functional.gelu(nn.functional.layer_norm(x, x.shape[-1:]))


ACTIVATIONS: dict[str, type[nn.Module]] = {"normed_gelu": NormedGELU, "relu": nn.ReLU}


def pool(x: Tensor, mask: Tensor | None, how: Pooling) -> Tensor:
    """Pools states over the valid positions.

    Args:
        x: (batch, length, channels).
        mask: (batch, length) bool, True where valid; None: everywhere.
        how: `cls` and `first`, the first state; `ends`, the sum of the first and the last valid one; `mean`
            or `max` over the valid states.

    Returns:
        (batch, channels).

    Raises:
        ValueError: If `how` is not known.
    """
    check("pooling", how, get_args(Pooling))
    if how in ("cls", "first"):
        return x[:, 0]
    if how == "ends":
        last = x[:, -1] if mask is None else x[torch.arange(x.shape[0], device=x.device), mask.sum(1).clamp(min=1) - 1]
        return x[:, 0] + last
    if mask is None:
        return x.mean(1) if how == "mean" else x.amax(1)
    if how == "mean":
        return (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    return x.masked_fill(~mask[..., None], torch.finfo(x.dtype).min).amax(1)


class PoolingHead(nn.Module):
    """A head with hidden layers, `mlp`."""

    mlp: nn.Sequential

    def set_activation(self, activation: Activation) -> None:
        """Changes the hidden layers' activation, which has no parameters."""
        for index, layer in enumerate(self.mlp):
            if isinstance(layer, tuple(ACTIVATIONS.values())):
                self.mlp[index] = ACTIVATIONS[activation]()


class ClassificationHead(PoolingHead):
    """Pooling, one hidden layer, logits (batch, classes)."""

    def __init__(
        self, dim: int, hidden: int, num_classes: int, pooling: Pooling, activation: Activation = "normed_gelu"
    ) -> None:
        super().__init__()
        check("activation", activation, ACTIVATIONS)
        check("pooling", pooling, get_args(Pooling))
        self.pooling: Pooling = pooling
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), ACTIVATIONS[activation](), nn.Linear(hidden, num_classes))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps states (batch, length, channels) and their mask to logits (batch, classes)."""
        return self.mlp(pool(x, mask, self.pooling))


class MatchingHead(PoolingHead):
    """Pooling of two sequences, their interaction, hidden layer, logits (batch, classes).

    Args:
        dim: Channels of the states.
        hidden: Channels of the hidden layer.
        num_classes: Number of classes.
        pooling: What is read of each sequence.
        interaction: concat: both; nli: both, their product and their difference (the Long Range Arena's paper).
        activation: Of the hidden layers.
        second_layer: Put another hidden layer of half the width after the first, as the Long Range Arena's code does.
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        num_classes: int,
        pooling: Pooling,
        interaction: Interaction,
        activation: Activation = "normed_gelu",
        *,
        second_layer: bool = False,
    ) -> None:
        super().__init__()
        check("activation", activation, ACTIVATIONS)
        check("pooling", pooling, get_args(Pooling))
        self.pooling: Pooling = pooling
        check("interaction", interaction, get_args(Interaction))
        self.interaction: Interaction = interaction
        layers = [nn.Linear((4 if interaction == "nli" else 2) * dim, hidden), ACTIVATIONS[activation]()]
        if second_layer:
            layers += [nn.Linear(hidden, hidden // 2), ACTIVATIONS[activation]()]
        self.mlp = nn.Sequential(*layers, nn.Linear(hidden // 2 if second_layer else hidden, num_classes))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps states (2 * batch, length, channels), pair by pair, and their mask to logits (batch, classes)."""
        first, second = pool(x, mask, self.pooling).unflatten(0, (-1, 2)).unbind(1)
        features = [first, second]
        if self.interaction == "nli":
            features += [first * second, first - second]
        return self.mlp(torch.cat(features, -1))


class TokenHead(nn.Linear):
    """Logits at every position."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps states (batch, length, channels) to logits (batch, length, classes); the mask is not needed."""
        return super().forward(x)
