"""Lifting: analysis by predicting odd samples from even ones, invertible whatever the predictor."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu

from wavspa_lit.wavelets.backends import choose, triton
from wavspa_lit.wavelets.backends.torch import correlate
from wavspa_lit.wavelets.bank import find_wavelet, spread
from wavspa_lit.wavelets.boundary import extend, inside


class Lifting(nn.Module, ABC):
    """One predict and one update step: `detail = odd - predict(even)`, `approximation = even + update(detail)`.

    A zero is added to signals of odd length and dropped by the synthesis, so that the inverse is exact at every length.
    """

    lengthens_details = False
    """Whether `waverec` lengthens a detail to the length of its approximation, instead of shortening that."""

    @abstractmethod
    def predict(self, even: Tensor, ends: Tensor | None) -> Tensor:
        """Estimates the odd samples from the even ones, both (batch, count, channels).

        Args:
            even: The even samples.
            ends: (batch,) int64, how many of them each row has; None: all of them.
        """

    @abstractmethod
    def update(self, detail: Tensor, ends: Tensor | None) -> Tensor:
        """What is added to the even samples, from the details; shapes and `ends` as for `predict`."""

    def analyse(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One level of analysis.

        Args:
            x: (batch, length, channels). Entries after the end of a row must be zero.
            lengths: (batch,) int64, the length of each row; None: all rows are as long as x.

        Returns:
            Approximation and detail, each (batch, (length + 1) // 2, channels) in the dtype of x.
        """
        dtype = x.dtype
        x = pad(x, (0, 0, 0, x.shape[1] % 2)).to(torch.promote_types(dtype, torch.float32))
        ends = None if lengths is None else (lengths + 1) // 2
        even, odd = x[:, ::2], x[:, 1::2]
        detail = inside(odd - self.predict(even, ends), ends)
        approximation = inside(even + self.update(detail, ends), ends)
        return approximation.to(dtype), detail.to(dtype)

    def synthesise(self, approximation: Tensor, detail: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The inverse of `analyse`: a signal of even length, that of odd length with its zero."""
        dtype = approximation.dtype
        approximation, detail = (x.to(torch.promote_types(dtype, torch.float32)) for x in (approximation, detail))
        ends = None if lengths is None else (lengths + 1) // 2
        even = inside(approximation - self.update(detail, ends), ends)
        odd = detail + self.predict(even, ends)
        return torch.stack((even, odd), dim=2).flatten(1, 2).to(dtype)


class LiftingScheme(Lifting):
    """The LeGall 5/3 wavelet, unnormalised and periodic: each odd sample predicted by the mean of its neighbours."""

    def predict(self, even: Tensor, ends: Tensor | None) -> Tensor:
        """See `Lifting.predict`."""
        following = extend(even, 0, 1, "periodic", ends)[:, 1:]
        return (even + following) / 2

    def update(self, detail: Tensor, ends: Tensor | None) -> Tensor:
        """See `Lifting.update`."""
        preceding = extend(detail, 1, 0, "periodic", ends)[:, :-1]
        return (preceding + detail) / 4


class AdaptiveLifting(Lifting):
    """LiftWavSpA: learned predict and update filters, followed by a SiLU, as in the paper's code.

    Args:
        taps: Length of both filters.
        channels: How many channels, or groups of neighbouring channels, have filters of their own; None: all share one.
        std: Standard deviation of the filters at the start.
    """

    def __init__(self, taps: int, channels: int | None = None, *, std: float = 0.02) -> None:
        super().__init__()
        if taps < 1:
            raise ValueError(f"lifting filters need at least 1 tap, got {taps}")
        shape = (taps,) if channels is None else (taps, channels)
        self.predictor = nn.Parameter(torch.randn(shape) * std)
        self.updater = nn.Parameter(torch.randn(shape) * std)

    @classmethod
    def from_wavelet(cls, name: str, channels: int | None = None) -> "AdaptiveLifting":
        """Random filters with as many taps as the pywt wavelet of that name has."""
        return cls(find_wavelet(name).dec_len, channels)

    def predict(self, even: Tensor, ends: Tensor | None) -> Tensor:
        """See `Lifting.predict`."""
        return silu(_correlate(even, self.taps_for(self.predictor, even), ends)) / 2

    def update(self, detail: Tensor, ends: Tensor | None) -> Tensor:
        """See `Lifting.update`."""
        return silu(_correlate(detail, self.taps_for(self.updater, detail), ends)) / 4

    def taps_for(self, filters: Tensor, x: Tensor) -> Tensor:
        """The filters (taps,) or (taps, groups) for x (batch, length, channels); long ones wrap around it."""
        return filters


def _correlate(x: Tensor, filters: Tensor, ends: Tensor | None) -> Tensor:
    """Circular correlation of rows x (batch, length, channels) with filters (taps,) or (taps, groups).

    Raises:
        ValueError: If the channels of x are no multiple of the groups.
    """
    taps, channels = len(filters), x.shape[2]
    filters = (filters if filters.dim() == 2 else filters[:, None]).to(x.dtype)
    if channels % filters.shape[1]:
        raise ValueError(f"lifting filters have {filters.shape[1]} channels, the signal has {channels}")
    filters = spread(filters, channels)
    if choose(x, taps, x.shape[1], "auto") == "triton":
        return triton.correlate(x, filters, ends)
    return correlate(extend(x, 0, taps - 1, "periodic", ends), filters)
