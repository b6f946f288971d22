"""Filters that compute what the released code computes, with the parameters of the classes that they derive from."""

from torch import Tensor

from wavspa_lit.wavelets import AdaptiveBank, AdaptiveLifting, Filters, LiftingScheme, OrthogonalBank


def reversed_channels(filters: Filters) -> Filters:
    """The filters with the low-passes of channel c and channel C - 1 - c exchanged."""
    if filters.dec_lo.dim() == 1:
        return filters
    return filters._replace(dec_lo=filters.dec_lo.flip(1), rec_lo=filters.rec_lo.flip(1))


class OfficialAdaptiveBank(AdaptiveBank):
    """AdaWavSpA as it was released: the channels of the low-pass are reversed, so that it does not reconstruct."""

    def filters(self) -> Filters:
        """See `FilterBank.filters`."""
        return reversed_channels(super().filters())


class OfficialOrthogonalBank(OrthogonalBank):
    """OrthoWavSpA as it was released: the channels of the low-pass are reversed, so that it does not reconstruct."""

    def filters(self) -> Filters:
        """See `FilterBank.filters`."""
        return reversed_channels(super().filters())


class OfficialLiftingScheme(LiftingScheme):
    """The LeGall 5/3 wavelet as it was released: beyond level 1 it does not invert odd lengths."""

    lengthens_details = True


class OfficialAdaptiveLifting(AdaptiveLifting):
    """LiftWavSpA as it was released: filters longer than the (padded) signal are cut to its length."""

    def taps_for(self, filters: Tensor, x: Tensor) -> Tensor:
        """See `AdaptiveLifting.taps_for`."""
        return filters[: x.shape[1]]
