"""How a signal goes on beyond its ends: pywt's modes, per row where rows have lengths of their own."""

from typing import Any, Literal, get_args

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
        x: (batch, length, channels). If `lengths` is given, entries after the end of a row must be zero.
        left: Number of samples to add before the first.
        right: Number of samples to add after the last.
        mode: Rule of the extension, a pywt mode (`periodization` and `periodic` are the same here).
        lengths: (batch,) int64, the length of each row; None: all rows are as long as x.

    Returns:
        (batch, left + length + right, channels). The extension of a row starts right after the row's own end; zeros
        follow it.
    """
    if mode == "zero":
        return torch.nn.functional.pad(x, (0, 0, left, right))
    if left == right == 0:
        return x
    if torch.compiler.is_compiling():
        return _extend(x, left, right, mode, lengths)
    return _Boundary.apply(x, False, left, right, mode, lengths)


def fold(full: Tensor, left: int, right: int, mode: str, lengths: Tensor | None = None) -> Tensor:
    """The adjoint of `extend`: adds what lies beyond the ends to the samples that it comes from.

    Args:
        full: (batch, left + length + right, channels).
        left: As for `extend`.
        right: As for `extend`.
        mode: As for `extend`, except `zero`.
        lengths: As for `extend`. Values after the end of a row stay as they are.

    Returns:
        (batch, length, channels).
    """
    if left == right == 0:
        return full
    if torch.compiler.is_compiling():
        return _fold(full, left, right, mode, lengths)
    return _Boundary.apply(full, True, left, right, mode, lengths)


class _Boundary(torch.autograd.Function):
    """`_extend` or, when folding, `_fold`. Each is the gradient of the other.

    Autograd would compute the same gradients, but by filling a whole signal with zeros for every few samples that it
    adds.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, folding: bool, left: int, right: int, mode: str, lengths: Tensor | None) -> Tensor:
        return (_fold if folding else _extend)(x, left, right, mode, lengths)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _, ctx.folding, *ctx.rule, lengths = inputs
        ctx.save_for_backward(lengths)
        ctx.save_for_forward(lengths)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _Boundary.apply(grad, not ctx.folding, *ctx.rule, *ctx.saved_tensors), None, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        return _Boundary.apply(tangent, ctx.folding, *ctx.rule, *ctx.saved_tensors)


def _outside(length: int, left: int, right: int, lengths: Tensor | None, like: Tensor) -> tuple[Tensor, ...]:
    """Where an extension of each row lies.

    Returns:
        Positions before the row (batch or 1, left), positions after it (batch or 1, right), and the lengths of the
        rows (batch or 1, 1). The first axis is 1 if all rows are equally long.
    """
    n = torch.full((1,), length, device=like.device) if lengths is None else lengths
    before = torch.arange(-left, 0, device=like.device).expand(n.shape[0], -1)
    beyond = torch.arange(right, device=like.device) + n[:, None]
    # An empty row counts as one sample, because the rules need one. It is zero, and so is its extension.
    return before, beyond, n.clamp(min=1)[:, None]


def _extend(x: Tensor, left: int, right: int, mode: str, lengths: Tensor | None) -> Tensor:
    before, beyond, n = _outside(x.shape[1], left, right, lengths, x)
    front, back = _values(x, before, n, mode), _values(x, beyond, n, mode)
    if lengths is None:
        return torch.cat((front, x, back), dim=1)
    extended = torch.cat((front, x, torch.zeros_like(back)), dim=1)
    return extended.scatter_add(1, (beyond + left)[..., None].expand_as(back), back)


def _fold(full: Tensor, left: int, right: int, mode: str, lengths: Tensor | None) -> Tensor:
    length, wide = full.shape[1] - left - right, (full.shape[0], -1, full.shape[2])
    before, beyond, n = _outside(length, left, right, lengths, full)
    behind = full[:, left + length :]
    if lengths is not None:
        behind = full.gather(1, (beyond + left)[..., None].expand(wide))
    indices, values = [], []
    for positions, outside in ((before, full[:, :left]), (beyond, behind)):
        for weight, index, other in _terms(mode, positions, n):
            value = outside if weight is None else outside * weight[..., None].to(full.dtype)
            indices.append(index)
            values.append(value)
            if other is not None:
                indices.append(other)
                values.append(-value)
    index = torch.cat([each.expand(full.shape[0], -1) for each in indices], dim=1)[..., None].expand(wide)
    return full[:, left : left + length].scatter_add(1, index, torch.cat(values, dim=1))


def inside(x: Tensor, ends: Tensor | None) -> Tensor:
    """Sets the entries of x (batch, length, channels) after the end of each row to zero.

    Args:
        x: The rows.
        ends: (batch,) int64, the length of each row. If None, no row ends early and x is returned unchanged.
    """
    if ends is None:
        return x
    return x.masked_fill((torch.arange(x.shape[1], device=x.device) >= ends[:, None])[..., None], 0.0)


def _values(x: Tensor, positions: Tensor, n: Tensor, mode: str) -> Tensor:
    """The extension of x at positions (batch or 1, count) outside the rows, whose lengths are n (batch or 1, 1)."""

    def at(index: Tensor) -> Tensor:
        return x.gather(1, index.expand(x.shape[0], -1)[..., None].expand(-1, -1, x.shape[2]))

    total: Tensor | None = None
    for weight, index, other in _terms(mode, positions, n):
        value = at(index) if other is None else at(index) - at(other)
        if weight is not None:
            value = value * weight[..., None].to(x.dtype)
        total = value if total is None else total + value
    assert total is not None
    return total


def _terms(mode: str, q: Tensor, n: Tensor) -> list[tuple[Tensor | None, Tensor, Tensor | None]]:
    """The extension at positions q, as a sum of terms `weight · (x[index] - x[other])`.

    Where a term's weight is None, it is 1; where its `other` is None, nothing is subtracted. Samples are subtracted
    before they are multiplied by a distance, because the product of a large sample and a distance would lose digits.

    Args:
        mode: Boundary rule.
        q: (batch or 1, count) int64, positions outside the rows.
        n: (batch or 1, 1) int64, the lengths of the rows.

    Returns:
        Tuples of weight, index and other, each like q.
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
