"""Compiled loops equal PyTorch's convolutions, and do without a compiler what they can."""

import os
import subprocess
import sys

import pytest
import torch

from wavspa_lit.wavelets import AdaptiveBank, wavedec, waverec
from wavspa_lit.wavelets.backends.choose import LARGE
from wavspa_lit.wavelets.backends.compiled import compiler_works

needs_compiler = pytest.mark.skipif(not compiler_works(), reason="there is no C++ compiler")


def run(x, bank, mode, mask, backend):
    """Coefficients, reconstruction, gradients, and gradients of the gradients' squares."""
    x = x.detach().requires_grad_()
    bands = wavedec(x, bank, 2, mode, mask=mask, backend=backend)
    y = waverec(bands, bank, x.shape[1], mode, mask=mask, backend=backend)
    wanted = [x, *bank.parameters()]
    gradients = torch.autograd.grad(y.pow(3).sum() + bands[1].pow(2).sum(), wanted, create_graph=True)
    second = torch.autograd.grad(sum(g.pow(2).sum() for g in gradients), wanted)
    plain = torch.autograd.grad(wavedec(x, bank, 1, mode, mask=mask, backend=backend)[0].pow(3).sum(), wanted)
    return [*bands, y, *gradients, *second, *plain]


@needs_compiler
@pytest.mark.parametrize("mode", ["periodization", "symmetric", "official"])
def test_values_and_derivatives_are_those_of_pytorch(mode):
    bank = AdaptiveBank.from_wavelet("db2", 3).double()
    for batch, length, masked in ((2, 30, False), (3, 41, True)):
        torch.manual_seed(length)
        x = torch.randn(batch, length, 3, dtype=torch.float64)
        mask = torch.arange(length) < torch.tensor([[length], [7], [20]]) if masked else None
        expected = run(x, bank, mode, mask, "torch")
        for actual, value in zip(run(x, bank, mode, mask, "compiled"), expected, strict=True):
            torch.testing.assert_close(actual, value, rtol=1e-9, atol=1e-9)


@needs_compiler
def test_long_filters_are_convolved_with_the_same_values():
    bank = AdaptiveBank.from_wavelet("db20", 3)
    x = torch.randn(2, 90, 3)
    for backend in ("compiled", "torch"):
        actual = run(x, bank, "periodization", None, backend)
        expected = run(x.double(), bank.double(), "periodization", None, "torch")
        bank = bank.float()
        for value, truth in zip(actual, expected, strict=True):
            assert (value - truth).abs().max() < 1e-5 * truth.abs().max()


def test_without_a_compiler_it_says_so_and_goes_on(tmp_path):
    code = f"""
import warnings, torch
from wavspa_lit.wavelets import wavedec
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        wavedec(torch.randn(1, {LARGE}, 1), "haar", 1)
print([str(w.message) for w in caught if "compiler" in str(w.message)].__len__())
try:
    wavedec(torch.randn(1, 8, 1), "haar", 1, backend="compiled")
except ValueError as error:
    print(error)
"""
    environment = {**os.environ, "CXX": "/missing/compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "1" and "install it" in lines[1]
