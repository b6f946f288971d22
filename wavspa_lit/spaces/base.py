"""The interface of a space."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Band(NamedTuple):
    """Coefficients that attend to one another.

    Attributes:
        x: (batch, entries, channels).
        mask: (batch, entries) bool, True where the coefficient is valid; None: all are.
    """

    x: Tensor
    mask: Tensor | None = None


class Space(nn.Module, ABC):
    """A pair of maps between a token sequence and the bands in which attention runs.

    Attributes:
        strides: For each band, the distance in tokens between neighbouring entries. Its length is the number of bands.
    """

    strides: list[int]

    @abstractmethod
    def lengths(self, length: int) -> list[int]:
        """Entries of each band for that many tokens."""

    @abstractmethod
    def analyse(self, x: Tensor, mask: Tensor | None) -> list[Band]:
        """Maps tokens to bands.

        Args:
            x: (batch, length, channels).
            mask: (batch, length) bool, True for tokens, False for the padding behind them; None: no padding.
        """

    @abstractmethod
    def synthesise(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        """Maps the bands' entries, as `analyse` orders them, back to (batch, length, channels)."""


def concatenate(bands: list[Band]) -> tuple[Band, Tensor | None]:
    """One band of the entries of all, each row's valid ones in front, so that padding inside does not move them.

    Returns:
        The band, and the order (batch, entries) into which it brought the entries; None when nothing is masked.
    """
    x = torch.cat([band.x for band in bands], dim=1)
    masks = [band.mask for band in bands if band.mask is not None]
    if not masks:
        return Band(x), None
    mask = torch.cat(masks, dim=1)
    order = (~mask).byte().argsort(dim=1, stable=True)
    return Band(x.gather(1, order[..., None].expand_as(x)), mask.gather(1, order)), order
