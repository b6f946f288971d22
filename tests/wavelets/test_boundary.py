"""Extensions and their adjoints: what the gradients of every transform go through."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from wavspa_lit.wavelets.boundary import MODES, extend, fold

EXTENDED = [mode for mode in MODES if mode != "zero"]
ROWS = pytest.mark.parametrize("lengths", [None, (7, 1, 0, 4)], ids=["full", "rows"])


def signal(lengths, length=7):
    torch.manual_seed(0)
    x = torch.randn(4, length, 3, dtype=torch.float64)
    if lengths is None:
        return x, None
    lengths = torch.tensor(lengths)
    return x * (torch.arange(length) < lengths[:, None])[..., None], lengths


@ROWS
@pytest.mark.parametrize("mode", EXTENDED)
@pytest.mark.parametrize("left,right", [(3, 2), (0, 4), (20, 9)])
def test_folding_is_the_adjoint_of_extending(mode, lengths, left, right):
    x, n = signal(lengths)
    y = torch.randn(4, left + 7 + right, 3, dtype=torch.float64)
    one, other = (extend(x, left, right, mode, n) * y).sum(), (x * fold(y, left, right, mode, n)).sum()
    assert torch.allclose(one, other, rtol=1e-12, atol=1e-12)


@ROWS
@pytest.mark.parametrize("mode", EXTENDED)
@pytest.mark.parametrize("function", [extend, fold])
def test_both_have_derivatives_of_both_orders_and_directions(function, mode, lengths):
    x, n = signal(lengths)
    x = x[:2, :, :2].requires_grad_()
    n = None if n is None else n[:2]
    if function is fold:
        x = torch.randn(2, 12, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: function(x, 3, 2, mode, n), x, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(lambda x: function(x, 3, 2, mode, n), x)


def test_gradients_fill_no_signals_with_zeros():
    x = torch.randn(2, 64, 3, requires_grad=True)
    with torch.profiler.profile() as profile:
        extend(x, 5, 5, "periodic").sum().backward()
    assert not {"aten::zeros", "aten::new_zeros"} & {event.key for event in profile.key_averages()}


@pytest.mark.parametrize("function", [extend, fold])
def test_gradients_of_rows_that_are_mapped_over(function):
    x = torch.randn(3, 2, 9 if function is extend else 14, 2, dtype=torch.float64)
    lengths = torch.tensor([[9, 4], [2, 7], [5, 5]])
    gradient = torch.func.grad(lambda x, n: function(x, 3, 2, "reflect", n).pow(3).sum())
    each = torch.stack([gradient(one, n) for one, n in zip(x, lengths, strict=True)])
    torch.testing.assert_close(torch.func.vmap(gradient)(x, lengths), each)
