"""Token space: the plain Transformer."""

from torch import Tensor

from wavspa_lit.spaces.base import Band, Space


class TokenSpace(Space):
    """One band, the tokens themselves; softmax attention here is the plain Transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.strides = [1]

    @property
    def band_names(self) -> list[str]:
        """See `Space.band_names`."""
        return ["tokens"]

    def lengths(self, length: int) -> list[int]:
        """See `Space.lengths`."""
        return [length]

    def analyse(self, x: Tensor, mask: Tensor | None) -> list[Band]:
        """See `Space.analyse`."""
        return [Band(x, mask)]

    def synthesise(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        """See `Space.synthesise`."""
        return bands[0]
