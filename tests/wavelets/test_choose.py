"""Which code runs a transform."""

import pytest
import torch

from wavspa_lit.wavelets import wavedec
from wavspa_lit.wavelets.backends.choose import LARGE, choose_from

HERE = {"available": True, "interpreted": False, "compiler": lambda: True}
SINGLE, DOUBLE, HALF = torch.float32, torch.float64, torch.bfloat16


@pytest.mark.parametrize(
    ("way", "asked", "device", "dtype", "taps", "size", "facts"),
    [
        ("triton", "auto", "cuda", SINGLE, 16, 1, {}),
        ("triton", "auto", "cuda", HALF, 16, 1, {"compiling": True}),
        ("triton", "triton", "cpu", HALF, 16, 1, {"interpreted": True}),
        ("torch", "auto", "cuda", DOUBLE, 16, 1, {}),
        ("torch", "torch", "cuda", SINGLE, 2, LARGE, {}),
        ("torch", "auto", "cuda", SINGLE, 2, LARGE, {"available": False}),
        ("traced", "auto", "cpu", SINGLE, 16, 1, {"compiling": True}),
        ("traced", "torch", "cuda", SINGLE, 16, 1, {"compiling": True}),
        ("compiled", "auto", "cpu", SINGLE, 32, LARGE, {}),
        ("compiled", "compiled", "cuda", DOUBLE, 40, 1, {}),
        ("half_compiled", "compiled", "cpu", HALF, 40, 1, {}),
        ("torch_phases", "auto", "cpu", SINGLE, 32, LARGE - 1, {}),
        ("torch_phases", "auto", "cpu", SINGLE, 32, LARGE, {"compiler": lambda: False}),
        ("torch_phases", "compiled", "cpu", HALF, 32, LARGE, {"dataless": True}),
        ("torch_short", "auto", "cpu", DOUBLE, 8, 1, {}),
        ("torch", "auto", "cpu", DOUBLE, 10, 1, {"interpreted": True}),
    ],
)
def test_the_fastest_that_serves_is_chosen(way, asked, device, dtype, taps, size, facts):
    assert choose_from(asked, device, dtype, taps, size, **{**HERE, **facts}) == way


@pytest.mark.parametrize(
    ("error", "asked", "device", "dtype", "facts"),
    [
        ("Known: auto, torch, compiled, triton", "cuda", "cuda", SINGLE, {}),
        ("needs the package triton", "triton", "cuda", SINGLE, {"available": False}),
        ("needs CUDA tensors, x is on cpu", "triton", "cpu", SINGLE, {}),
        ("x is torch.float64", "triton", "cuda", DOUBLE, {}),
        (r"needs a C\+\+ compiler", "compiled", "cpu", SINGLE, {"compiler": lambda: False}),
    ],
)
def test_what_cannot_serve_is_refused(error, asked, device, dtype, facts):
    with pytest.raises(ValueError, match=error):
        choose_from(asked, device, dtype, 16, 1, **{**HERE, **facts})


def test_a_transform_names_the_backends():
    with pytest.raises(ValueError, match=r"backend 'cuda': no such choice\. Known: auto, torch, compiled, triton"):
        wavedec(torch.randn(1, 8, 1), "haar", 1, backend="cuda")
