"""OrthoWavSpA: orthonormal filters from the angles of a lattice (paper section on OrthoWavSpA)."""

import math

import torch
from torch import Tensor, nn

from wavspa_lit.wavelets.bank import (
    FilterBank,
    Filters,
    orthogonal_low_pass,
    parameter,
    quadrature,
)


def lattice_filter(angles: Tensor) -> Tensor:
    """The low-pass (2 * stages, ...) of lattice angles (stages, ...): orthonormal to its even shifts for any angles.

    Each stage maps neighbours (e, o) to (e sin θ + o cos θ, e cos θ - o sin θ); between stages the filter is delayed
    by one sample. The sum of the filter is √2 cos(Σθ - π/4), so that Σθ = π/4 gives a true low-pass. It is computed in
    float64, except on devices that have none, and returned in the dtype of the angles.
    """
    exact = angles if angles.device.type == "mps" else angles.double()
    sin, cos = exact.sin(), exact.cos()
    low = torch.stack((sin[0], cos[0]))
    for s, c in zip(sin[1:], cos[1:], strict=True):
        edge = torch.zeros_like(low[:1])
        delayed = torch.cat((edge, low, edge))
        even, odd = delayed[::2], delayed[1::2]
        low = torch.stack((even * s + odd * c, even * c - odd * s), dim=1).flatten(0, 1)
    return low.to(angles.dtype)


def lattice_angles(low: Tensor) -> Tensor:
    """The inverse of `lattice_filter`: angles (taps / 2,) of an orthonormal low-pass (taps,), float64.

    Raises:
        ValueError: If the low-pass is not orthonormal to its even shifts; pywt's dmey is only nearly so.
    """
    rest, angles = low.double(), []
    while len(rest) > 2:
        # One stage maps (0, a) at the front to a (cos, -sin), and (b, 0) at the back to b (sin, cos).
        front, back = rest[:2], rest[-2:]
        angle = torch.atan2(-front[1], front[0]) if front.norm() > back.norm() else torch.atan2(back[0], back[1])
        angles.append(angle)
        sin, cos = angle.sin(), angle.cos()
        even, odd = rest[::2], rest[1::2]
        rest = torch.stack((even * sin + odd * cos, even * cos - odd * sin), dim=1).flatten()[1:-1]
    angles.append(torch.atan2(rest[0], rest[1]))
    found = torch.stack(angles[::-1])
    error = float((lattice_filter(found) - low.double()).abs().max())
    if not error < 1e-6:
        raise ValueError(f"the low-pass is not orthonormal to its even shifts: its lattice misses it by {error:.1e}")
    return found


class OrthogonalBank(FilterBank):
    """Filters that are orthonormal whatever their angles, so that training cannot break reconstruction.

    Args:
        angles: (stages,) or (stages, channels), the lattice angles at the start.
        low_pass: Keep Σθ = π/4, which keeps the response of the low-pass at the highest frequency at zero. The last
            angle then follows from the others.
        dtype: Of the angles; None: PyTorch's default.
    """

    def __init__(
        self,
        angles: Tensor,
        *,
        low_pass: bool = False,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.low_pass = low_pass
        self.angles = parameter(angles[:-1] if low_pass else angles, dtype)

    @classmethod
    def from_wavelet(
        cls,
        name: str,
        channels: int | None = None,
        *,
        low_pass: bool = False,
        random_angles: bool = False,
        dtype: torch.dtype | None = None,
    ) -> "OrthogonalBank":
        """Starts at an orthogonal pywt wavelet, with angles of their own for each of `channels`.

        With `random_angles` it starts at angles drawn from [0, 2π) instead, as many as the wavelet has.
        """
        angles = lattice_angles(orthogonal_low_pass(name))
        angles = angles if channels is None else angles[:, None].repeat(1, channels)
        bank = cls(angles, low_pass=low_pass, dtype=dtype)
        if random_angles:
            nn.init.uniform_(bank.angles, 0.0, 2 * math.pi)
        return bank

    def filters(self) -> Filters:
        """See `FilterBank.filters`."""
        angles: Tensor = self.angles
        if self.low_pass:
            angles = torch.cat((angles, math.pi / 4 - angles.sum(0, keepdim=True)))
        return quadrature(lattice_filter(angles))
