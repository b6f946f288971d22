"""compile, export, vmap, second derivatives."""

import pytest
import torch
from torch import nn

from wavspa_lit.wavelets import MODES, AdaptiveBank, AdaptiveLifting, LiftingScheme, OrthogonalBank, wavedec, waverec

BANKS = {
    "adaptive": lambda: AdaptiveBank.from_wavelet("db2", 3),
    "orthogonal": lambda: OrthogonalBank(torch.rand(3, 3)),
    "lifting": LiftingScheme,
    "adaptive_lifting": lambda: AdaptiveLifting(4, 3),
}

pytestmark = pytest.mark.filterwarnings("ignore:level=")


class RoundTrip(nn.Module):
    def __init__(self, bank, mode="periodization"):
        super().__init__()
        self.bank, self.mode = bank, mode

    def forward(self, x, mask=None):
        bands = wavedec(x, self.bank, 2, self.mode, mask=mask)
        return waverec([band * 2 for band in bands], self.bank, x.shape[1], self.mode, mask=mask)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", BANKS)
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiles_into_one_graph(kind, masked, backend):
    torch.compiler.reset()
    module, x = RoundTrip(BANKS[kind]()), torch.randn(2, 26, 3, requires_grad=True)
    mask = torch.arange(26) < torch.tensor([[26], [11]]) if masked else None
    expected = module(x, mask)
    (gradient,) = torch.autograd.grad(expected.square().sum(), x)
    compiled = torch.compile(module, fullgraph=True, backend=backend)(x, mask)
    torch.testing.assert_close(compiled, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.autograd.grad(compiled.square().sum(), x)[0], gradient, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_compiles(mode):
    torch.compiler.reset()
    module, x = RoundTrip(BANKS["adaptive"](), mode), torch.randn(2, 13, 3)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), module(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", BANKS)
def test_exports(kind):
    module, x = RoundTrip(BANKS[kind]()), torch.randn(2, 16, 3)
    exported = torch.export.export(module, (x,)).module()
    torch.testing.assert_close(exported(x), module(x))


@pytest.mark.parametrize("kind", BANKS)
def test_vmap(kind):
    module, x = RoundTrip(BANKS[kind]()), torch.randn(4, 2, 16, 3)
    torch.testing.assert_close(torch.func.vmap(module)(x), torch.stack([module(row) for row in x]))


@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_exact_in_every_mode_and_under_masks(mode):
    bank = OrthogonalBank(torch.rand(2, 2)).double()
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    x = torch.randn(2, 7, 2, dtype=torch.float64, requires_grad=True)
    module = RoundTrip(bank, mode)
    assert torch.autograd.gradcheck(lambda x, _: module(x, mask), (x, bank.angles))


def test_second_derivatives():
    bank = AdaptiveBank.from_wavelet("db2", 2).double()
    x = torch.randn(1, 6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, _: RoundTrip(bank)(x), (x, bank.dec_lo))
