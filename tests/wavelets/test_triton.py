"""The Triton kernels equal the PyTorch formulation. They run on a GPU, or on a CPU by `make test-kernels`.

On a CPU, Triton interprets kernels one operation at a time. Signals are shorter there, and some filters slow tests.
"""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from wavspa_lit.wavelets import MODES, AdaptiveBank, AdaptiveLifting, wavedec, waverec
from wavspa_lit.wavelets.backends import triton

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = pytest.mark.skipif(
    not find_spec("triton") or (DEVICE == "cpu" and os.environ.get("TRITON_INTERPRET") != "1"),
    reason="needs a GPU, or triton and TRITON_INTERPRET=1",
)
LENGTHS = [1, 2, 5, 32, 77] if DEVICE == "cuda" else [1, 6, 21]
SLOW_ON_CPUS = pytest.mark.slow if DEVICE == "cpu" else ()
WAVELETS = ["db2", *(pytest.param(name, marks=SLOW_ON_CPUS) for name in ("haar", "db8", "bior2.4"))]


def run(x, bank, mode, mask, backend, level=1):
    """Coefficients, reconstruction, and the gradients of x and of the filters."""
    x = x.detach().requires_grad_()
    bank.zero_grad()
    bands = wavedec(x, bank, level, mode, mask=mask, backend=backend)
    y = waverec(bands, bank, x.shape[1], mode, mask=mask, backend=backend)
    weights = [torch.linspace(-1, 1, band.numel(), device=x.device).view_as(band) for band in (*bands, y)]
    sum((band.float() * w).sum() for band, w in zip((*bands, y), weights, strict=True)).backward()
    return [*bands, y, x.grad, *(p.grad for p in bank.parameters())]


def close(actual, expected, tolerance=1e-5):
    scale = max(1e-3, expected.abs().max().item())
    assert ((actual.double() - expected.double()).abs().max() / scale).item() <= tolerance


@pytest.mark.filterwarnings("ignore:level=")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", WAVELETS)
def test_values_and_gradients_are_those_of_pytorch(mode, wavelet):
    for length in LENGTHS:
        torch.manual_seed(length)
        x = torch.randn(2, length, 3, device=DEVICE)
        bank = AdaptiveBank.from_wavelet(wavelet, 3, tied=False).to(DEVICE)
        for parameter in bank.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        expected = run(x.double(), bank.double(), mode, None, "torch")
        for actual, value in zip(run(x, bank.float(), mode, None, "triton"), expected, strict=True):
            close(actual, value)


@pytest.mark.filterwarnings("ignore:level=")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", ["haar", pytest.param("db4", marks=SLOW_ON_CPUS)])
def test_padded_rows(mode, wavelet):
    longest = 37 if DEVICE == "cuda" else 13
    lengths = torch.tensor([longest, longest - 1, 9, 2, 1, 0], device=DEVICE)
    mask = torch.arange(longest, device=DEVICE) < lengths[:, None]
    torch.manual_seed(0)
    x = torch.randn(6, longest, 2, device=DEVICE).masked_fill(~mask[..., None], torch.nan)  # nobody may read it
    bank = AdaptiveBank.from_wavelet(wavelet, 2).to(DEVICE)
    expected = run(x.double(), bank.double(), mode, mask, "torch", level=2)
    for actual, value in zip(run(x, bank.float(), mode, mask, "triton", level=2), expected, strict=True):
        close(actual, value)


@pytest.mark.filterwarnings("ignore:level=")
@pytest.mark.parametrize("taps", [18, pytest.param(40, marks=SLOW_ON_CPUS), 76])
def test_many_taps(taps):
    torch.manual_seed(0)
    x = torch.randn(1, 90 if DEVICE == "cuda" else 9, 2, device=DEVICE)
    bank = AdaptiveBank.from_wavelet(f"db{taps // 2}", 2).to(DEVICE)
    expected = run(x.double(), bank.double(), "periodization", None, "torch")
    for actual, value in zip(run(x, bank.float(), "periodization", None, "triton"), expected, strict=True):
        close(actual, value)


def test_strided_signals_shared_filters_and_many_channels():
    torch.manual_seed(0)
    x = torch.randn(1, 130, 24, device=DEVICE)[:, :, ::2].transpose(1, 2)  # neither axis is contiguous
    bank = AdaptiveBank.from_wavelet("db2").to(DEVICE)
    expected = run(x.double(), bank.double(), "reflect", None, "torch")
    for actual, value in zip(run(x, bank.float(), "reflect", None, "triton"), expected, strict=True):
        close(actual, value)


def test_half_precision_is_accumulated_in_single():
    torch.manual_seed(0)
    x = torch.randn(2, 64, 4, device=DEVICE).bfloat16()
    bank = AdaptiveBank.from_wavelet("db8", 4).to(DEVICE)
    exact = wavedec(x.double(), AdaptiveBank.from_wavelet("db8", 4).to(DEVICE).double(), 1)
    for band, value in zip(wavedec(x, bank, 1, backend="triton"), exact, strict=True):
        assert band.dtype == torch.bfloat16
        torch.testing.assert_close(band, value.bfloat16(), rtol=2**-7, atol=1e-6)


@pytest.mark.parametrize("taps", [1, 4, 5, pytest.param(16, marks=SLOW_ON_CPUS)])
@pytest.mark.parametrize("ragged", [False, True])
def test_circular_correlation(taps, ragged):
    for length in (1, 6, 13):  # shorter than the filters, even, odd
        torch.manual_seed(length)
        ends = torch.tensor([length, (length + 1) // 2, 1] if ragged else [length] * 3, device=DEVICE)
        x, weight = torch.randn(2, 3, length, 2, device=DEVICE)
        filters = torch.randn(taps, 2, device=DEVICE)
        rows, n, k = (torch.arange(size, device=DEVICE) for size in (3, length, taps))
        inside = (n < ends[:, None])[..., None]
        windows = rows[:, None, None], (n[:, None] + k) % ends[:, None, None]
        lengths = ends if ragged else None

        def results(correlate, dtype, leaves=(x * inside, filters), weight=weight * inside):
            leaves = [leaf.to(dtype).requires_grad_() for leaf in leaves]
            y = correlate(*leaves) * weight
            return [y, *torch.autograd.grad(y.sum(), leaves)]

        expected = results(lambda x, filters, at=windows: (x[at] * filters).sum(2), torch.float64)
        found = results(lambda x, filters, lengths=lengths: triton.correlate(x, filters, lengths), torch.float32)
        for actual, value in zip(found, expected, strict=True):
            close(actual, value)


@pytest.mark.skipif(DEVICE == "cpu", reason="lifting takes the kernels on GPUs alone")
@pytest.mark.filterwarnings("ignore:level=")
@pytest.mark.parametrize("length", [1, 13, 200])
def test_lifting(length):
    torch.manual_seed(0)
    bank = AdaptiveLifting(16, 2, std=0.5).to(DEVICE)
    mask = torch.arange(length, device=DEVICE) < torch.tensor([[length], [8], [1]], device=DEVICE)
    x = torch.randn(3, length, 2, device=DEVICE)
    expected = run(x.double(), bank.double(), "periodization", mask, "auto", level=2)
    for actual, value in zip(run(x, bank.float(), "periodization", mask, "auto", level=2), expected, strict=True):
        close(actual, value)


def test_second_derivatives():
    torch.manual_seed(0)
    x = torch.randn(1, 10, 2, device=DEVICE)

    def penalty(x, bank, backend):
        x = x.detach().requires_grad_()
        bands = wavedec(x, bank, 1, "symmetric", backend=backend)
        y = waverec(bands, bank, 10, "symmetric", backend=backend)
        gradients = torch.autograd.grad(
            y.pow(3).sum() + bands[1].pow(2).sum(), (x, *bank.parameters()), create_graph=True
        )
        return torch.autograd.grad(sum(g.pow(2).sum() for g in gradients), (x, *bank.parameters()))

    bank = AdaptiveBank.from_wavelet("db2", 2).to(DEVICE)
    expected = penalty(x.double(), bank.double(), "torch")
    for actual, value in zip(penalty(x, bank.float(), "triton"), expected, strict=True):
        close(actual, value, 1e-4)


def test_operators_keep_pytorchs_contract():
    """Schemas, fake tensors, autograd registration and AOT dispatch, as torch.library checks them."""
    from wavspa_lit.wavelets.backends.triton import down, filter_gradient, up

    lengths = torch.tensor([9, 4], device=DEVICE)
    x, low, high = (torch.randn(2, n, 3, device=DEVICE, requires_grad=True) for n in (9, 5, 5))
    filters = [torch.randn(4, 3, device=DEVICE, requires_grad=True) for _ in range(2)]
    rows = ("periodization", lengths, (lengths + 1) // 2)
    torch.library.opcheck(down, (x, *filters, 1, 5, *rows))
    torch.library.opcheck(up, (low, high, *filters, 1, 9, *rows))
    torch.library.opcheck(filter_gradient, (x, low, high, 4, 1, *rows))


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")
def test_kernels_that_are_compiled_ahead_serve_a_training():
    """Of rows of any length, with padding, in the dtype of autocast."""
    from wavspa_lit.wavelets.backends.ahead import compile_kernels

    def compiled():
        kernels = (triton.down_kernel, triton.up_kernel, triton.gradient_kernel)
        return [len(cache[0]) for kernel in kernels for cache in kernel.device_caches.values()]

    bank = AdaptiveBank.from_wavelet("db6", 48).to(DEVICE)
    for thread in compile_kernels(bank, 48, torch.bfloat16, torch.device("cuda", 0)):
        thread.join()
    before = compiled()
    mask = torch.arange(77, device=DEVICE) < torch.tensor([[77], [40], [3]], device=DEVICE)
    run(torch.randn(3, 77, 48, device=DEVICE, dtype=torch.bfloat16), bank, "periodization", mask, "triton")
    assert compiled() == before and all(before)


@pytest.mark.parametrize("first,second", [("down", "up"), ("up", "gradient")])
def test_a_later_process_finds_the_compiled_kernels(first, second):
    """The hash by which Triton finds a kernel does not depend on which kernel is needed first, as threads need them."""
    code = "import sys; from wavspa_lit.wavelets.backends import triton_kernels as kernels\n"
    code += "print(sorted((name, getattr(kernels, name).cache_key) for name in sys.argv[1:]))"
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    orders = ((first, second), (second, first))
    keys = {subprocess.check_output([sys.executable, "-c", code, *names], env=environment) for names in orders}
    assert len(keys) == 1
