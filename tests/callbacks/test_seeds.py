"""Random numbers that depend on the step alone."""

import pytest
import torch

from wavspa_lit.callbacks.seeds import seed_torch

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_steps_are_seeded_as_torch_seeds(device):
    numbers = []
    for seed in (torch.manual_seed, seed_torch):
        seed(2**63 + 5)
        numbers.append(torch.rand(3, device=device))
    assert torch.equal(*numbers)
