"""Plain-data description of a wavelet, and its builder."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from wavspa_lit.wavelets.bank import AdaptiveBank, Compat, FixedBank, find_wavelet, orthogonal_low_pass
from wavspa_lit.wavelets.boundary import Mode
from wavspa_lit.wavelets.lifting import AdaptiveLifting, LiftingScheme
from wavspa_lit.wavelets.orthogonal import OrthogonalBank

Kind = Literal["fixed", "adaptive", "orthogonal", "lifting", "adaptive_lifting"]
Sharing = Literal["channel", "head", "all"]


@dataclass
class WaveletConfig:
    """The transform of the wavelet space."""

    kind: Kind = "adaptive"
    """fixed: a pywt wavelet; adaptive: free filters; orthogonal: lattice angles; lifting: LeGall 5/3; adaptive_lifting:
    learned predict and update."""
    name: str = "db8"
    """pywt wavelet that the filters are, or start from; for adaptive_lifting it gives the number of taps."""
    level: int = 1
    """Depth of the decomposition."""
    mode: Mode = "periodization"
    """How the signal goes on beyond its ends; lifting is always periodic."""
    sharing: Sharing = "channel"
    """Trainable filters for each channel, for each attention head's share of the channels, or one for all."""
    per_level: bool = False
    """Trainable filters for each level, or the same at all levels."""
    random_angles: bool = False
    """orthogonal: start from random angles, as the paper's code does, with as many taps as the named wavelet."""
    low_pass: bool = False
    """orthogonal: keep the sum of the angles at π/4, so that the low-pass stays one."""
    tied: bool = True
    """adaptive: synthesis filters are the reversed analysis filters; otherwise they train on their own."""
    penalty: float = 0.0
    """adaptive: weight of the deviation from perfect reconstruction in the training loss."""
    packets: bool = False
    """Decompose the details as well: 2 ** level bands of equal width."""
    compat: Compat = "none"
    """official: compute what the released code computes, which reverses the channels of the low-pass."""

    def __post_init__(self) -> None:
        for field, choices in {"kind": Kind, "mode": Mode, "sharing": Sharing, "compat": Compat}.items():
            if getattr(self, field) not in get_args(choices):
                known = ", ".join(get_args(choices))
                raise ValueError(f"unknown wavelet.{field} {getattr(self, field)!r}; known: {known}")
        if self.level < 0:
            raise ValueError(f"wavelet.level must not be negative, got {self.level}")
        if self.penalty < 0:
            raise ValueError(f"wavelet.penalty must not be negative, got {self.penalty}")
        if self.kind == "orthogonal" or (self.kind == "adaptive" and self.tied):
            orthogonal_low_pass(self.name)
        else:
            find_wavelet(self.name)


def build_wavelet(config: WaveletConfig, channels: int, heads: int = 1) -> nn.Module:
    """Builds the filters for signals with that many channels, in as many heads.

    Returns:
        A filter bank or lifting scheme, or a ModuleList of one for each level.
    """
    groups = {"channel": channels, "head": heads, "all": None}[config.sharing]
    if groups is not None and channels % groups:
        raise ValueError(
            f"{channels} channels cannot be shared among {heads} heads; use wavelet.sharing channel or all"
        )
    if config.per_level and config.kind not in ("fixed", "lifting"):
        return nn.ModuleList(_build(config, groups) for _ in range(config.level))
    return _build(config, groups)


def _build(config: WaveletConfig, groups: int | None) -> nn.Module:
    if config.kind == "adaptive":
        return AdaptiveBank.from_wavelet(config.name, groups, tied=config.tied, compat=config.compat)
    if config.kind == "orthogonal":
        bank = OrthogonalBank.from_wavelet(config.name, groups, low_pass=config.low_pass, compat=config.compat)
        if config.random_angles:
            nn.init.uniform_(bank.angles, 0.0, 2 * math.pi)
        return bank
    if config.kind == "lifting":
        return LiftingScheme(compat=config.compat)
    if config.kind == "adaptive_lifting":
        return AdaptiveLifting(find_wavelet(config.name).dec_len, groups, compat=config.compat)
    return FixedBank.from_wavelet(config.name)
