"""The released WavSpA code (JAX), rebuilt for published settings: what it computes where that differs from the rest.

`encoder.compat: official` chooses all of it. It differs in the following.

- Channels are reversed with the taps: the low-pass of channel c is that of channel C - 1 - c, while its high-pass
  follows from its own filter. Such a bank does not reconstruct (`OfficialAdaptiveBank`, `OfficialOrthogonalBank`).
- Fixed lifting does not invert odd lengths, and learned lifting filters are cut to the length of the signal
  (`OfficialLiftingScheme`, `OfficialAdaptiveLifting`).
- Signals are reflected beyond their ends, and the circular convolution wraps around that (`wavelet.mode: official`).
- Padding takes part in the transform, in the attention and in the pooling, and there is no norm before the MLP
  (`OfficialBlock`). A CLS token is masked when the first token is.
- Heads have ReLUs, and that of pairs has a second hidden layer. Its pooling CLS2 is `ends`.

`wavspa_lit.official.convert` turns released parameters into ours.
"""

from wavspa_lit.official.block import OfficialBlock, OfficialConventions
from wavspa_lit.official.filters import (
    OfficialAdaptiveBank,
    OfficialAdaptiveLifting,
    OfficialLiftingScheme,
    OfficialOrthogonalBank,
)

__all__ = [
    "OfficialAdaptiveBank",
    "OfficialAdaptiveLifting",
    "OfficialBlock",
    "OfficialConventions",
    "OfficialLiftingScheme",
    "OfficialOrthogonalBank",
]
