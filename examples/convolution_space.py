"""A space of your own: token attention after a plain local convolution.

    PYTHONPATH=examples wavspa fit -c configs/demo.yaml --model.encoder.space convolution_space.ConvolutionSpace
    PYTHONPATH=examples wavspa test --trust --ckpt_path RUN/checkpoints/best.ckpt

It answers which part of wavelet attention helps on a task: the neighbourhoods that overlapping filters give each token,
or the bands.
"""

from torch import Tensor, nn

from wavspa_lit.spaces import Band, Space


class ConvolutionSpace(Space):
    """One band, the tokens and a depthwise convolution of them.

    Args:
        dim: Channels.
        taps: Tokens that the convolution sees.
    """

    def __init__(self, dim: int, taps: int = 8) -> None:
        super().__init__()
        self.strides = [1]
        self.convolution = nn.Conv1d(dim, dim, taps, groups=dim, padding="same")

    def lengths(self, length: int) -> list[int]:
        """See `Space.lengths`."""
        return [length]

    def analyse(self, x: Tensor, mask: Tensor | None) -> list[Band]:
        """See `Space.analyse`; padding is zero, so that it changes no token."""
        if mask is not None:
            x = x * mask[..., None]
        return [Band(x + self.convolution(x.transpose(1, 2)).transpose(1, 2), mask)]

    def synthesise(self, bands: list[Tensor], length: int, mask: Tensor | None) -> Tensor:
        """See `Space.synthesise`."""
        return bands[0]
