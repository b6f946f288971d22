"""A dozen lengths for all batches, so that graphs, kernels and attention plans are made once."""

import numpy
import torch
from torch import Tensor

BUCKETS = 12
"""Most lengths that the batches of a data module have."""
MULTIPLE = 8
"""Lengths are multiples of this, except perhaps the last, because the matrix units of GPUs work on tiles."""
AVOIDED = 64
"""Lengths beyond four times this are no multiples of it.

A batch or a band of such a length may have 64 entries more than a multiple of 128, for which the attention needs code
of its own (`wavspa_lit.attention.base.LIFT`), so that the first of them waits for the compiler. One more `MULTIPLE` of
padding costs less. In shorter batches it would be a larger share, so they stay.
"""
FILL = {"labels": -100, "groups": -1}
"""What padding holds where it is not 0 or False."""


def choose_lengths(lengths: numpy.ndarray, count: int = BUCKETS, *, longest: int | None = None) -> tuple[int, ...]:
    """The lengths to which rounding up adds the least padding.

    The choice is exact, by dynamic programming over the distinct lengths.

    Args:
        lengths: (examples,) lengths of the examples.
        count: Most lengths to choose.
        longest: The longest sequence that a model is told of, not below the longest example. No length exceeds it,
            because learned positions and Linformer have weights up to it only. If None, nothing limits the lengths.

    Returns:
        Increasing multiples of `MULTIPLE`, of which the last may be `longest` instead; it holds the longest example.
    """
    rounded = -(-lengths // MULTIPLE) * MULTIPLE
    rounded += MULTIPLE * ((rounded % AVOIDED == 0) & (rounded > 4 * AVOIDED))
    candidates, places = numpy.unique(rounded, return_inverse=True)
    below = numpy.concatenate(([0], numpy.bincount(places).cumsum()))
    # cost[j]: padded tokens of the examples up to candidate j, which is the last of those chosen so far.
    cost, previous = candidates * below[1:], []
    for _ in range(1, min(count, len(candidates))):
        with_one_more = cost[:, None] + candidates * (below[1:] - below[1:, None])
        with_one_more[numpy.tril_indices(len(candidates))] = numpy.iinfo(numpy.int64).max
        previous.append(with_one_more.argmin(0))
        better = with_one_more.min(0) < cost
        previous[-1] = numpy.where(better, previous[-1], -1)
        cost = numpy.where(better, with_one_more.min(0), cost)
    *shorter, last = _path(candidates, previous)
    return (*shorter, last if longest is None else min(last, longest))


def _path(candidates: numpy.ndarray, previous: list[numpy.ndarray]) -> tuple[int, ...]:
    chosen, last = [], len(candidates) - 1
    for step in reversed(previous):
        if step[last] >= 0:
            chosen.append(last)
            last = int(step[last])
    return tuple(int(candidates[index]) for index in (last, *reversed(chosen)))


def round_up(length: int, lengths: tuple[int, ...]) -> int:
    """The smallest of the increasing `lengths` that is not below `length`; `length` itself if all of them are."""
    return next((each for each in lengths if each >= length), length)


def pad_batch(batch: dict[str, Tensor], length: int, padding_id: int = 0) -> dict[str, Tensor]:
    """A batch that is padded to `length` tokens and always has a mask.

    There is a mask even if nothing is padded, because graphs and compiled code are made either for batches with a mask
    or for batches without.

    Args:
        batch: `tokens` (batch, ..., length) or `features` (batch, length, channels), perhaps a `mask`, and other
            tensors. Those that have a value for every position are padded, too; float `labels` never have.
        length: Not below the batch's own.
        padding_id: Token id of padding.
    """
    positions = batch["tokens"] if "tokens" in batch else batch["features"][..., 0]
    missing, fill = length - positions.shape[-1], {"tokens": padding_id, **FILL}
    if "mask" not in batch:
        batch = {**batch, "mask": torch.from_numpy(numpy.ones(positions.shape, bool))}
    if not missing:
        return batch
    padded = dict(batch)
    for name, value in batch.items():
        if name == "features":
            padded[name] = _pad(value, -2, missing, 0)
        elif value.shape == positions.shape and not (name == "labels" and value.is_floating_point()):
            padded[name] = _pad(value, -1, missing, fill.get(name, 0))
    return padded


def _pad(value: Tensor, axis: int, missing: int, fill: int) -> Tensor:
    """The tensor with `missing` more entries along the axis, all of them `fill`.

    NumPy writes it, because PyTorch would share so little work among all threads, and wait for those that are busy.
    """
    narrow, shape = value.numpy(), list(value.shape)
    shape[axis] += missing
    wide = numpy.full(shape, fill, narrow.dtype)
    wide[tuple(map(slice, narrow.shape))] = narrow
    return torch.from_numpy(wide)
