"""Masks of padded batches: what they must look like, a check that does not wait for a GPU, and what layers share."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from wavspa_lit.streams import lane

T = TypeVar("T")

WANTED = (
    "padding must lie after the tokens (padding_side='right' of tokenizers), because a row's length is read from it"
)

_checked = WeakIdKeyDictionary()
"""Version of each mask that was found right, so that the layers of a model look at a batch only once."""


def check_padding(mask: Tensor | None) -> None:
    """Refuses a mask with padding before a token: transforms along the length would silently lose the last tokens.

    A mask that was checked before is not read again, unless it has been changed since, or is one of inference mode. A
    mask on a GPU is checked there without waiting for it: the error comes with a later operation. Inside compiled code
    nothing is checked: an encoder has checked the mask before it calls its compiled blocks.

    Args:
        mask: (batch, length) bool, True for tokens, False for the padding after them; None: no padding.

    Raises:
        TypeError: If it is not of bool.
        ValueError: If padding lies before a token; names the row.
        RuntimeError: Instead of ValueError, for a mask on a GPU.
    """
    if mask is None:
        return
    if mask.dtype != torch.bool:
        raise TypeError(f"mask must be of bool, True for valid samples, got {mask.dtype}; convert with mask.bool()")
    if torch.compiler.is_compiling():
        return
    if mask.is_inference():  # such tensors do not count their changes, so each pass through a model reads them anew
        once(mask, "checked", lambda: refuse_gaps(mask))
    elif _checked.get(mask) != mask._version:
        refuse_gaps(mask)
        _checked[mask] = mask._version


def refuse_gaps(mask: Tensor) -> None:
    """Reads the mask, see `check_padding`."""
    whole = mask[..., 1:] <= mask[..., :-1]
    if mask.is_cuda:
        torch._assert_async(whole.all(), f"mask: {WANTED}")
    elif mask.device.type == "cpu" and not whole.all():
        raise ValueError(f"mask: padding lies before a token in row {int((~whole).nonzero()[0, 0])}; {WANTED}")


_derived: ContextVar[dict[Hashable, tuple[object, Any]] | None] = ContextVar("derived", default=None)


@contextmanager
def layers_share() -> Iterator[None]:
    """Within it, what layers derive from one mask, or from one filter bank, is derived once, see `once`.

    It ends with a forward pass, so that nothing is kept of values that change: those of parameters, and those of a mask
    in the memory of CUDA graphs.
    """
    token = _derived.set({})
    try:
        yield
    finally:
        _derived.reset(token)


def once(source: object, key: Hashable, derive: Callable[[], T]) -> T:
    """What `derive` makes of a mask, of lengths or of a filter bank, made once for all layers inside `layers_share`.

    A GPU saves tens of tiny kernels a layer. Compiled code derives it in each layer, because the compiler does not know
    the context. What runs side by side derives it for each lane, because one lane does not wait for another.

    Args:
        source: What it is made of.
        key: What it depends on besides.
        derive: Makes it.
    """
    if torch.compiler.is_compiling() or (derived := _derived.get()) is None:
        return derive()
    place = (id(source), key, lane())
    if place not in derived:
        derived[place] = source, derive()  # with its source, whose id stays its own
    return derived[place][1]
