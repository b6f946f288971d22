import math

import pytest
import torch

from wavspa_lit.attention import AttentionConfig, build_attention
from wavspa_lit.attention.nystrom import ITERATIONS, pseudo_inverse


def heads_of(attention, x):
    parts = attention.qkv(x).view(*x.shape[:2], 3, attention.heads, attention.head_dim)
    return (part.transpose(1, 2) for part in parts.unbind(2))


def merged(attention, out):
    return attention.output(out.transpose(1, 2).flatten(2))


def seen_by(draws, block, blocks, front):
    """Blocks of keys that one block of queries sees in a row that has so many."""
    if block < front:
        return set(range(blocks))
    fixed = {*range(min(front, blocks)), *range(max(0, block - 1), min(block + 2, blocks))}
    others = [other for other in range(blocks) if other not in fixed]
    return fixed | {others[draw % len(others)] for draw in draws if others}


@pytest.mark.parametrize("front", [0, 1, 2])
@pytest.mark.parametrize("random", [0, 2])
@pytest.mark.parametrize("length", [30, 23, 7, 1])
def test_bigbird_is_softmax_under_its_pattern(front, random, length):
    config = AttentionConfig(kind="bigbird", heads=2, block_size=3, random_blocks=random, global_blocks=front)
    attention = build_attention(config, 8, max_length=30).double()
    x, mask = torch.randn(1, 30, 8, dtype=torch.float64), torch.arange(30)[None] < length
    q, k, v = heads_of(attention, x[:, :length])
    allowed = torch.zeros(2, length, length, dtype=torch.bool)
    for head in range(2):
        for i in range(length):
            seen = seen_by(attention.draws[head, i // 3].tolist(), i // 3, math.ceil(length / 3), front)
            allowed[head, i] = torch.tensor([j // 3 in seen for j in range(length)])
    scores = (q @ k.transpose(-1, -2) / 2).masked_fill(~allowed, -torch.inf)
    expected = merged(attention, scores.softmax(-1) @ v)
    torch.testing.assert_close(attention(x, mask)[:, :length], expected)


def test_bigbird_repeats_with_the_seed_and_differs_between_layers():
    def build():
        return build_attention(AttentionConfig(kind="bigbird", heads=2), 8, max_length=10).state_dict()["draws"]

    first, second = build(), build()
    torch.manual_seed(0)
    assert torch.equal(first, build())
    assert not torch.equal(first, second)


@pytest.mark.parametrize("conv_size", [0, 5])
@pytest.mark.parametrize("length", [30, 23, 7, 3, 1])
def test_nystrom_is_its_formula(length, conv_size):
    config = AttentionConfig(kind="nystrom", heads=2, landmarks=7, conv_size=conv_size)
    attention = build_attention(config, 8, max_length=30).double()
    x, mask = torch.randn(1, 30, 8, dtype=torch.float64), torch.arange(30)[None] < length
    q, k, v = heads_of(attention, x[:, :length])
    count = min(7, length)
    parts = [[t for t in range(length) if t * count // length == s] for s in range(count)]
    q_mean, k_mean = (torch.stack([x[:, :, part].mean(2) for part in parts], dim=2) for x in (q, k))
    left, middle, right = (
        (a @ b.transpose(-1, -2) / 2).softmax(-1) for a, b in ((q, k_mean), (q_mean, k_mean), (q_mean, k))
    )
    inverse = middle.mT / (middle.sum(-1).amax(-1) * middle.sum(-2).amax(-1))[..., None, None]
    eye = torch.eye(count, dtype=torch.float64)
    for _ in range(ITERATIONS):
        m = middle @ inverse
        inverse = 0.25 * inverse @ (13 * eye - 15 * m + 7 * m @ m - m @ m @ m)
    out = left @ inverse @ right @ v
    if conv_size:
        padded = torch.nn.functional.pad(v, (0, 0, 2, 2))
        taps = attention.conv.weight[:, 0, :, 0]
        out = out + sum(taps[:, j, None, None] * padded[:, :, j : j + length] for j in range(5))
    torch.testing.assert_close(attention(x, mask)[:, :length], merged(attention, out))


def test_the_iteration_inverts():
    x = torch.randn(3, 5, 5, dtype=torch.float64) * 0.2 + torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(pseudo_inverse(x), torch.linalg.pinv(x), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments", [{"block_size": 0}, {"random_blocks": -1}, {"global_blocks": -1}, {"landmarks": 0}, {"conv_size": 4}]
)
def test_bad_sizes_name_the_option(arguments):
    with pytest.raises(ValueError, match=f"attention.{next(iter(arguments))} must be"):
        AttentionConfig(**arguments)
