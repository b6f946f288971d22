"""How a signal goes on beyond its ends: pywt's modes, per row where rows have lengths of their own."""

from typing import Literal, get_args

import torch
from torch import Tensor

Mode = Literal[
    "periodization",
    "periodic",
    "zero",
    "constant",
    "symmetric",
    "reflect",
    "antisymmetric",
    "antireflect",
    "smooth",
    "official",
]
MODES: tuple[str, ...] = get_args(Mode)


def extend(x: Tensor, left: int, right: int, mode: str, lengths: Tensor | None = None) -> Tensor:
    """Extends signals beyond both ends.

    Args:
        x: (batch, length, channels); with `lengths`, zero behind each row's end.
        left: Number of samples in front.
        right: Number of samples behind.
        mode: Rule of the extension, a pywt mode (`periodization` and `periodic` are the same here).
        lengths: (batch,) int64, the length of each row; None: all rows are full.

    Returns:
        (batch, left + length + right, channels). Row b holds its extension behind its own end, then zeros.
    """
    length = x.shape[1]
    n = torch.full((1,), length, device=x.device) if lengths is None else lengths
    beyond = torch.arange(right, device=x.device) + n[:, None]
    before = torch.arange(-left, 0, device=x.device).expand(len(n), -1)
    if mode == "zero":
        return torch.nn.functional.pad(x, (0, 0, left, right))
    some = n.clamp(min=1)  # an empty row is all zero, and so is its extension, whatever the indices
    front, back = _values(x, before, some, mode), _values(x, beyond, some, mode)
    if lengths is None:
        return torch.cat((front, x, back), dim=1)
    extended = torch.cat((front, x, torch.zeros_like(back)), dim=1)
    return extended.scatter_add(1, (beyond + left)[..., None].expand_as(back), back)


def inside(x: Tensor, ends: Tensor | None) -> Tensor:
    """Zeroes what lies behind the rows' ends (batch,) in x (batch, length, channels); None: nothing does."""
    if ends is None:
        return x
    return x.masked_fill((torch.arange(x.shape[1], device=x.device) >= ends[:, None])[..., None], 0.0)


def _values(x: Tensor, positions: Tensor, n: Tensor, mode: str) -> Tensor:
    """Values at positions (batch or 1, count) outside the signals of lengths n (batch or 1,)."""

    def at(index: Tensor) -> Tensor:
        return x.gather(1, index.expand(len(x), -1)[..., None].expand(-1, -1, x.shape[2]))

    total: Tensor | None = None
    for weight, index, other in _terms(mode, positions, n[:, None]):
        value = at(index) if other is None else at(index) - at(other)
        if weight is not None:
            value = value * weight[..., None].to(x.dtype)
        total = value if total is None else total + value
    assert total is not None
    return total


def _terms(mode: str, q: Tensor, n: Tensor) -> list[tuple[Tensor | None, Tensor, Tensor | None]]:
    """The extension at positions q as a sum of weight · (x[index] - x[other]); None: of weight 1, less nothing.

    Differences are taken before they are multiplied by distances, which would multiply rounding errors.
    """
    last = n - 1
    if mode in ("periodic", "periodization"):
        return [(None, q % n, None)]
    if mode == "constant":
        return [(None, q.clamp(min=0).minimum(last), None)]
    if mode in ("symmetric", "antisymmetric"):
        phase = q % (2 * n)
        sign = torch.where(phase < n, 1, -1) if mode == "antisymmetric" else None
        return [(sign, phase.minimum(2 * n - 1 - phase), None)]
    if mode == "smooth":
        distance = torch.where(q < 0, -q, q - last)
        edge = torch.where(q < 0, 0, last)
        inner = torch.where(q < 0, last.clamp(max=1), (last - 1).clamp(min=0))
        return [(None, edge, None), (distance, edge, inner)]
    period = (2 * last).clamp(min=1)
    phase = q % period
    index = phase.minimum((2 * last - phase).clamp(min=0))
    if mode in ("reflect", "official"):
        return [(None, index, None)]
    # antireflect: point reflection at the ends, so that each period adds twice the rise of the signal
    rises = 2 * torch.div(q, period, rounding_mode="floor")
    mirrored = phase > last
    return [
        (torch.where(mirrored, -1, 1), index, None),
        (2 * mirrored, last.expand_as(q), None),
        (rises, last.expand_as(q), torch.zeros_like(q)),
    ]
