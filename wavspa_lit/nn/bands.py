"""How the bands of a space share attention: separate weights, shared weights, or one attention for all."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from wavspa_lit.attention import AttentionConfig, build_attention
from wavspa_lit.attention.base import Positions
from wavspa_lit.choices import check
from wavspa_lit.spaces import Band, Space, concatenate
from wavspa_lit.streams import side_by_side

Bands = Literal["separate", "shared", "joint"]


class SeparateBands(nn.ModuleList):
    """Attention inside each band, with weights of its own, as in the paper's code."""

    def forward(self, bands: list[Band], places: list[Tensor] | None = None) -> list[Tensor]:
        """Maps bands to tensors of the shapes of their x; without `places` each attention knows its stride."""
        given = [()] * len(bands) if places is None else [(place,) for place in places]
        calls = zip(self, bands, given, strict=True)
        return side_by_side(*((attend, (band.x, band.mask, *place)) for attend, band, place in calls))


class SharedBands(nn.Module):
    """Attention inside each band, with the same weights for all bands.

    Args:
        attention: Maps (x, mask, position) to the shape of x.
        strides: See `Space`.
    """

    def __init__(self, attention: nn.Module, strides: list[int]) -> None:
        super().__init__()
        self.attention, self.strides = attention, strides

    def forward(self, bands: list[Band], places: list[Tensor] | None = None) -> list[Tensor]:
        """Maps bands to tensors of the shapes of their x; `places` are those of `positions_of`, or the default."""
        places = places or positions_of(bands, self.strides)
        return [self.attention(band.x, band.mask, place) for band, place in zip(bands, places, strict=True)]


class JointBands(nn.Module):
    """One attention among the entries of all bands, to which a learned vector for their band is added.

    Args:
        attention: Maps (x, mask, position) to the shape of x.
        strides: See `Space`.
        dim: Channels.
    """

    def __init__(self, attention: nn.Module, strides: list[int], dim: int) -> None:
        super().__init__()
        self.attention, self.strides = attention, strides
        self.embedding = nn.Parameter(torch.empty(len(strides), dim))
        nn.init.normal_(self.embedding, std=0.02)

    def forward(self, bands: list[Band], places: list[Tensor] | None = None) -> list[Tensor]:
        """Maps bands to tensors of the shapes of their x; `places` are those of `positions_of`, or the default."""
        sizes = [band.x.shape[1] for band in bands]
        vectors = self.embedding.to(bands[0].x.dtype)
        marked = [Band(band.x + vector, band.mask) for band, vector in zip(bands, vectors, strict=True)]
        position = torch.cat(places or positions_of(bands, self.strides), dim=-1)
        joint, order = concatenate(marked)
        if order is None:
            return list(self.attention(joint.x, None, position).split(sizes, dim=1))
        out = self.attention(joint.x, joint.mask, position.expand(order.shape[0], -1).gather(1, order))
        back = order.argsort(dim=1)[..., None].expand_as(out)
        return list(out.gather(1, back).split(sizes, dim=1))


def positions_of(bands: list[Band], strides: list[int], position: Tensor | None = None) -> list[Tensor]:
    """Where the entries of each band lie.

    Args:
        bands: The bands.
        strides: See `Space`.
        position: (rows, length) int64, where the tokens lie; None: one apart, from 0 on.

    Returns:
        For each band (entries,), or (rows, entries) if `position` is given. Entries beyond the last token lie as far
        beyond its position.
    """
    device = bands[0].x.device
    places = [
        torch.arange(band.x.shape[1], device=device) * stride for band, stride in zip(bands, strides, strict=True)
    ]
    if position is None:
        return places
    tokens = [place.clamp(max=position.shape[1] - 1) for place in places]
    return [position[:, token] + (place - token) for token, place in zip(tokens, places, strict=True)]


def build_bands(
    space: Space,
    attention: AttentionConfig,
    dim: int,
    *,
    bands: Bands = "separate",
    positions: Positions = "none",
    max_length: int | None = None,
) -> nn.Module:
    """Builds what maps the bands of a space to as many tensors of their shapes.

    Args:
        space: The space.
        attention: The mechanism and its settings.
        dim: Channels.
        bands: separate: weights of its own for each band; shared: the same weights for all; joint: one attention among
            the entries of all.
        positions: See `Attention`.
        max_length: Longest input, in tokens, for mechanisms that need it.
    """
    check("bands", bands, get_args(Bands))
    lengths = [None] * len(space.strides) if max_length is None else space.lengths(max_length)
    known = [length for length in lengths if length is not None]

    def build(entries: int | None, stride: int = 1) -> nn.Module:
        return build_attention(attention, dim, max_length=entries, positions=positions, stride=stride)

    if bands == "joint":
        return JointBands(build(sum(known) or None), space.strides, dim)
    if bands == "shared":
        return SharedBands(build(max(known, default=None)), space.strides)
    return SeparateBands(build(entries, stride) for entries, stride in zip(lengths, space.strides, strict=True))
