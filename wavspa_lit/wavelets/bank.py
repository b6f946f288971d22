"""Filter banks: four filters, where they come from, and how well they behave."""

from abc import ABC, abstractmethod
from difflib import get_close_matches
from typing import Any, NamedTuple

import pywt
import torch
from torch import Tensor, nn
from torch.nn.functional import pad


class Filters(NamedTuple):
    """Analysis and synthesis filters, each (taps,) or (taps, channels), in pywt's order."""

    dec_lo: Tensor
    dec_hi: Tensor
    rec_lo: Tensor
    rec_hi: Tensor

    def for_channels(self, channels: int) -> "Filters":
        """The filters as (taps, channels), checked against the signal.

        Raises:
            ValueError: If the filters have other axes, an odd number of taps or different numbers of them, or are for
                another number of channels.
        """
        if any(f.dim() not in (1, 2) for f in self):
            raise ValueError(f"filters are (taps,) or (taps, channels), got shapes {[tuple(f.shape) for f in self]}")
        if len({len(f) for f in self}) > 1:
            raise ValueError(f"filters have {[len(f) for f in self]} taps; pad them with zeros to the same number")
        taps = self.dec_lo.shape[0]
        if taps < 2 or taps % 2:
            raise ValueError(f"filters need an even number of taps, got {taps}; pad them with a zero")
        wide = [f if f.dim() == 2 else f[:, None] for f in self]
        for f in wide:
            if channels % f.shape[1]:
                raise ValueError(f"filters have {f.shape[1]} channels, the signal has {channels}")
        return Filters(*(spread(f, channels) for f in wide))

    def correlated(self) -> "Filters":
        """The same with the analysis filters reversed, as the loops of a transform multiply with them."""
        return Filters(self.dec_lo.flip(0), self.dec_hi.flip(0), self.rec_lo, self.rec_hi)


def spread(filters: Tensor, channels: int) -> Tensor:
    """Filters (taps, groups) for all channels (taps, channels): neighbouring channels, such as a head's, share one."""
    if filters.shape[1] == 1:
        return filters.expand(-1, channels)
    return filters if filters.shape[1] == channels else filters.repeat_interleave(channels // filters.shape[1], 1)


def quadrature(dec_lo: Tensor, rec_lo: Tensor | None = None) -> Filters:
    """The bank of two low-passes, whose high-passes cancel the aliases: dec_hi[k] = -(-1)^k rec_lo[k], rec_hi likewise.

    Args:
        dec_lo: (taps,) or (taps, channels), the analysis low-pass.
        rec_lo: The synthesis low-pass; None: dec_lo reversed. The bank is then orthogonal if dec_lo is orthonormal to
            its even shifts.
    """
    signs = torch.ones(dec_lo.shape[0], dtype=dec_lo.dtype, device=dec_lo.device)
    signs[::2] = -1
    signs = signs.view(-1, *[1] * (dec_lo.dim() - 1))
    rec_lo = dec_lo.flip(0) if rec_lo is None else rec_lo
    return Filters(dec_lo, signs * rec_lo, rec_lo, -signs * dec_lo)


def find_wavelet(name: str) -> pywt.Wavelet:
    """The discrete pywt wavelet of that name; ValueError with the nearest names when there is none."""
    known = pywt.wavelist(kind="discrete")
    if name not in known:
        near = get_close_matches(name, known, n=5, cutoff=0.3) or known
        raise ValueError(f"unknown wavelet {name!r}; did you mean {', '.join(near)}? pywt.wavelist() lists all")
    return pywt.Wavelet(name)


def wavelet_filters(wavelet: pywt.Wavelet) -> Filters:
    """The filters of a pywt wavelet, float64."""
    return Filters(*(torch.tensor(f, dtype=torch.float64) for f in wavelet.filter_bank))


def as_filters(bank: Any) -> Filters:
    """The filters of a bank module, a wavelet or its name, four filters, or an orthogonal low-pass.

    Raises:
        TypeError: For anything else.
        ValueError: For a name that pywt does not know.
    """
    if isinstance(bank, FilterBank):
        return bank.filters()
    if isinstance(bank, str):
        return wavelet_filters(find_wavelet(bank))
    if hasattr(bank, "filter_bank"):
        return Filters(
            *(f if isinstance(f, Tensor) else torch.tensor(f, dtype=torch.float64) for f in bank.filter_bank)
        )
    if isinstance(bank, Tensor):
        return quadrature(bank)
    if isinstance(bank, tuple) and len(bank) == 4:
        return Filters(*bank)
    raise TypeError(f"expected a filter bank, four filters, a low-pass or a wavelet, got {type(bank).__name__}")


class FilterBank(nn.Module, ABC):
    """A two-channel filter bank whose filters may train."""

    @abstractmethod
    def filters(self) -> Filters:
        """The four filters, each (taps,) or (taps, channels)."""

    def correlated(self) -> Filters:
        """See `Filters.correlated`; a method of its own, so that the compiler makes one kernel of it."""
        return self.filters().correlated()

    def _deviation(self) -> Tensor:
        """How far each channel is from perfect reconstruction: (2 * (2 * taps - 1), channels), 0 if it is perfect.

        The first half is the impulse response of analysis and synthesis less that of a pure delay, the second half the
        response of the aliases.
        """
        dec_lo, dec_hi, rec_lo, rec_hi = (f if f.dim() == 2 else f[:, None] for f in self.filters())
        taps = dec_lo.shape[0]
        signs = torch.ones(taps, 1, dtype=dec_lo.dtype, device=dec_lo.device)
        signs[1::2] = -1
        delay = torch.zeros(2 * taps - 1, 1, dtype=dec_lo.dtype, device=dec_lo.device)
        delay[taps - 1] = 1
        distortion = (_convolve(dec_lo, rec_lo) + _convolve(dec_hi, rec_hi)) / 2
        alias = (_convolve(dec_lo * signs, rec_lo) + _convolve(dec_hi * signs, rec_hi)) / 2
        return torch.cat((distortion - delay, alias))

    def reconstruction_error(self) -> Tensor:
        """Largest deviation from perfect reconstruction over all channels, as a gain: 0 is perfect."""
        return self._deviation().abs().amax()

    def penalty(self) -> Tensor:
        """Squared deviation from perfect reconstruction, averaged over the channels: a loss term for free filters."""
        return self._deviation().square().sum(0).mean()

    def orthogonality_error(self) -> Tensor:
        """Largest deviation of the analysis low-pass from orthonormality to its even shifts, over all channels."""
        low = self.filters().dec_lo
        low = low if low.dim() == 2 else low[:, None]
        products = [(low[2 * j :] * low[: len(low) - 2 * j]).sum(0) for j in range(len(low) // 2)]
        products[0] = products[0] - 1
        return torch.stack(products).abs().amax()

    def frequency_response(self, n: int = 128) -> tuple[Tensor, Tensor]:
        """Responses of the analysis low-pass and high-pass at n frequencies from 0 to Nyquist.

        Returns:
            Two complex tensors (n, channels); channels is 1 for a shared filter.
        """
        low, high = (f if f.dim() == 2 else f[:, None] for f in self.filters()[:2])
        omega = torch.linspace(0, torch.pi, n, dtype=low.dtype, device=low.device)
        phase = torch.exp(-1j * omega[:, None] * torch.arange(len(low), device=low.device))
        return phase @ low.to(phase.dtype), phase @ high.to(phase.dtype)

    def extra_repr(self) -> str:
        """Taps and channels."""
        return f"filters={tuple(self.filters().dec_lo.shape)}"


def _convolve(a: Tensor, b: Tensor) -> Tensor:
    """Full convolution along the first axis of (taps, channels) filters."""
    return sum((pad(a, (0, 0, k, len(b) - 1 - k)) * b[k] for k in range(len(b))), start=torch.zeros(()).to(a))


class FixedBank(FilterBank):
    """Filters that do not train, orthogonal or biorthogonal.

    Args:
        filters: The four filters, each (taps,) or (taps, channels).
        dtype: Of the filters; None: PyTorch's default. Give float64 here for exact filters, because a later `double()`
            cannot bring back what float32 has rounded off.
    """

    def __init__(self, filters: Filters, *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        for name, value in zip(Filters._fields, filters, strict=True):
            self.register_buffer(name, value.to(dtype or torch.get_default_dtype()))

    @classmethod
    def from_wavelet(cls, name: str, *, dtype: torch.dtype | None = None) -> "FixedBank":
        """The filters of a pywt wavelet, shared by all channels."""
        return cls(wavelet_filters(find_wavelet(name)), dtype=dtype)

    def filters(self) -> Filters:
        """See `FilterBank.filters`."""
        return Filters(*(self.get_buffer(name) for name in Filters._fields))


class AdaptiveBank(FilterBank):
    """AdaWavSpA: free low-passes, from which the high-passes follow; see `quadrature`.

    Reconstruction is perfect at the start and afterwards as good as training keeps it: `penalty` measures that.

    Args:
        dec_lo: (taps,) or (taps, groups), the analysis low-pass at the start.
        rec_lo: The synthesis low-pass at the start, which then trains on its own; None: it always is dec_lo reversed.
        dtype: As for `FixedBank`.
    """

    def __init__(
        self,
        dec_lo: Tensor,
        rec_lo: Tensor | None = None,
        *,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.dec_lo = parameter(dec_lo, dtype)
        self.rec_lo = None if rec_lo is None else parameter(rec_lo, dtype)

    @classmethod
    def from_wavelet(
        cls,
        name: str,
        channels: int | None = None,
        *,
        tied: bool = True,
        dtype: torch.dtype | None = None,
    ) -> "AdaptiveBank":
        """Starts at a pywt wavelet, with filters of their own for each of `channels`.

        `tied` filters need an orthogonal wavelet; a synthesis of its own may start at a biorthogonal one.
        """
        if tied:
            return cls(_repeat(orthogonal_low_pass(name), channels), dtype=dtype)
        filters = wavelet_filters(find_wavelet(name))
        return cls(_repeat(filters.dec_lo, channels), _repeat(filters.rec_lo, channels), dtype=dtype)

    def filters(self) -> Filters:
        """See `FilterBank.filters`."""
        return quadrature(self.dec_lo, self.rec_lo)


def parameter(value: Tensor, dtype: torch.dtype | None) -> nn.Parameter:
    """A parameter with a copy of the value, in that dtype; None: in PyTorch's default."""
    return nn.Parameter(value.detach().clone().to(dtype or torch.get_default_dtype()))


def _repeat(low: Tensor, channels: int | None) -> Tensor:
    return low if channels is None else low[:, None].repeat(1, channels)


def orthogonal_low_pass(name: str) -> Tensor:
    """The low-pass (taps,) float64 of an orthogonal pywt wavelet; ValueError for others."""
    wavelet = find_wavelet(name)
    if not wavelet.orthogonal:
        raise ValueError(f"wavelet {name!r} is not orthogonal; use a db, sym or coif wavelet, or kind fixed")
    return wavelet_filters(wavelet).dec_lo
