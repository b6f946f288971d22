"""The interface of a space."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Band(NamedTuple):
    """Coefficients that attend to one another.

    Attributes:
        x: (batch, entries, channels).
        mask: (batch, entries) bool, True where the coefficient is valid; None: all are valid.
    """

    x: Tensor
    mask: Tensor | None = None


class Space(nn.Module, ABC):
    """A pair of maps between a token sequence and the bands in which attention runs.

    Attributes:
        strides: For each band, the distance in tokens between neighbouring entries. Its length is the number of bands.
    """

    strides: list[int]

    @property
    def band_names(self) -> list[str]:
        """Names of the bands, for pictures and curves."""
        return [f"band {number}" for number in range(1, len(self.strides) + 1)]

    def take(self, x: Tensor) -> Tensor:
        """The tokens x of `analyse` in the dtype in which it computes; blocks join this to their norm."""
        return x

    @abstractmethod
    def lengths(self, length: int) -> list[int]:
        """Entries of each band for that many tokens."""

    @abstractmethod
    def analyse(self, x: Tensor, mask: Tensor | None) -> list[Band]:
        """Maps tokens to bands.

        Args:
            x: (batch, length, channels).
            mask: (batch, length) bool, True for tokens, False for the padding after them; None: no padding.
        """

    @abstractmethod
    def synthesise(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        """Maps bands back to tokens.

        Args:
            bands: For each band of `analyse`, (batch, entries, channels).
            length: Number of tokens.
            mask: As for `analyse`.

        Returns:
            (batch, length, channels).
        """

    def parts(self) -> list[tuple[nn.Module, str]] | None:
        """What of the maps `compile_blocks(parts=True)` compiles; None, the default: it compiles whole blocks.

        Parts save time where the maps call a module often, such as once for each level, because the module is compiled
        once.

        Returns:
            Pairs of a module of this space and the name of its method, which takes and returns tensors. The rest of the
            maps is not compiled, so an empty list leaves them as they are.
        """
        return None


def concatenate(bands: list[Band]) -> tuple[Band, Tensor | None]:
    """Joins all bands into one, in which each row has its valid entries first.

    Otherwise the padding of one band would lie before the entries of the next, and move them.

    Returns:
        The band; and (batch, entries), where each of its entries was before it was moved, or None if nothing is masked.
    """
    x = torch.cat([band.x for band in bands], dim=1)
    masks = [band.mask for band in bands if band.mask is not None]
    if not masks:
        return Band(x), None
    mask = torch.cat(masks, dim=1)
    order = (~mask).byte().argsort(dim=1, stable=True)
    return Band(x.gather(1, order[..., None].expand_as(x)), mask.gather(1, order)), order
