"""Plain-data description of a wavelet, and its builder."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal

from torch import nn

from wavspa_lit.choices import build, check_fields, find_class, settings_of, warn_unread
from wavspa_lit.wavelets.bank import AdaptiveBank, FilterBank, FixedBank, find_wavelet, orthogonal_low_pass
from wavspa_lit.wavelets.boundary import Mode
from wavspa_lit.wavelets.lifting import AdaptiveLifting, Lifting, LiftingScheme
from wavspa_lit.wavelets.orthogonal import OrthogonalBank

WAVELETS: dict[str, type[nn.Module]] = {
    "fixed": FixedBank,
    "adaptive": AdaptiveBank,
    "orthogonal": OrthogonalBank,
    "lifting": LiftingScheme,
    "adaptive_lifting": AdaptiveLifting,
}
OFFICIAL: dict[str, str] = {
    "adaptive": "wavspa_lit.official.OfficialAdaptiveBank",
    "orthogonal": "wavspa_lit.official.OfficialOrthogonalBank",
    "lifting": "wavspa_lit.official.OfficialLiftingScheme",
    "adaptive_lifting": "wavspa_lit.official.OfficialAdaptiveLifting",
}
"""Import paths of the filters that `compat: official` takes instead."""

Sharing = Literal["channel", "head", "all"]
Compat = Literal["none", "official"]


@dataclass
class WaveletConfig:
    """The transform of the wavelet space."""

    kind: Literal["fixed", "adaptive", "orthogonal", "lifting", "adaptive_lifting"] | str = "adaptive"
    """fixed: a pywt wavelet; adaptive: free filters; orthogonal: lattice angles; lifting: LeGall 5/3; adaptive_lifting:
    learned predict and update; or the import path of a FilterBank or Lifting of your own, whose `from_wavelet` (or else
    constructor) reads any of name, channels, tied, low_pass, random_angles and compat."""
    name: str = "db8"
    """pywt wavelet that the filters are, or start from; for adaptive_lifting it gives the number of taps."""
    level: int = 1
    """Depth of the decomposition."""
    mode: Mode = "periodization"
    """How the signal is continued beyond its ends; lifting always continues it periodically."""
    sharing: Sharing = "channel"
    """Which channels share trainable filters: none (channel), those of an attention head, or all."""
    per_level: bool = False
    """Whether each level has trainable filters of its own; otherwise all levels have the same."""
    random_angles: bool = False
    """orthogonal: start from random angles, as the paper's code does, with as many taps as the named wavelet."""
    low_pass: bool = False
    """orthogonal: keep the sum of the angles at π/4, which makes the low-pass vanish at the highest frequency."""
    tied: bool = True
    """adaptive: the synthesis filters are the reversed analysis filters; otherwise they train by themselves."""
    penalty: float = 0.0
    """adaptive: weight of the deviation from perfect reconstruction in the training loss."""
    packets: bool = False
    """Decompose the details as well: 2 ** level bands of equal width."""
    compat: Compat = "none"
    """official: filters of the released code, which reverses the channels of the low-pass (wavspa_lit.official)."""

    def __post_init__(self) -> None:
        check_fields(self, "wavelet")
        if self.level < 0:
            raise ValueError(f"wavelet.level must not be negative, got {self.level}")
        if self.penalty < 0:
            raise ValueError(f"wavelet.penalty must not be negative, got {self.penalty}")
        if self.kind == "orthogonal" and self.name == "dmey":
            raise ValueError(
                "wavelet 'dmey' is only nearly orthogonal; use a db, sym or coif wavelet, or kind adaptive"
            )
        if self.kind == "orthogonal" or (self.kind == "adaptive" and self.tied):
            orthogonal_low_pass(self.name)
        else:
            find_wavelet(self.name)
        warn_unread(self, "wavelet", self.unread(), f"wavelet.kind {self.kind}")

    def unread(self) -> set[str]:
        """The settings that filters of this kind do not read."""
        kind = wavelet_class(self.kind)
        read = settings_of(constructor(kind)) | ({"mode"} if issubclass(kind, FilterBank) else set())
        if self.kind in OFFICIAL:
            read |= {"compat"}
        if "channels" in read:
            read |= {"sharing", "per_level"}
        if issubclass(kind, FilterBank) and not issubclass(kind, FixedBank | OrthogonalBank):
            read |= {"penalty"}
        return {field.name for field in fields(self)} - read - {"kind", "level", "packets"}


def wavelet_class(kind: str, compat: Compat = "none") -> type[nn.Module]:
    """The class of the filters of that kind, or of that import path; ValueError if there is none."""
    path = OFFICIAL.get(kind, kind) if compat == "official" else kind
    return find_class("wavelet.kind", path, WAVELETS, FilterBank | Lifting)


def constructor(kind: type[nn.Module]) -> Callable[..., nn.Module]:
    """What builds filters from the settings of a config: `from_wavelet` where a class has it."""
    return getattr(kind, "from_wavelet", kind)


def build_wavelet(config: WaveletConfig, channels: int, heads: int = 1) -> nn.Module:
    """Builds the filters for signals with that many channels, in as many heads.

    Returns:
        A filter bank or lifting scheme, or a ModuleList of one for each level.

    Raises:
        ValueError: If filters are to be shared within heads, and the channels cannot be split among them.
    """
    groups = {"channel": channels, "head": heads, "all": None}[config.sharing]
    if groups is not None and channels % groups:
        raise ValueError(
            f"{channels} channels cannot be shared among {heads} heads; use wavelet.sharing channel or all"
        )
    make = constructor(wavelet_class(config.kind, config.compat))
    settings = {**vars(config), "channels": groups}
    if config.per_level and "channels" in settings_of(make):
        return nn.ModuleList(build(make, **settings) for _ in range(config.level))
    return build(make, **settings)
