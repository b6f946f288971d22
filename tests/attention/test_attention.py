import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from wavspa_lit.attention import ATTENTIONS, AttentionConfig, build_attention
from wavspa_lit.attention.base import fused_attention
from wavspa_lit.attention.performer import orthogonal_features
from wavspa_lit.attention.rotary import rotate
from wavspa_lit.attention.softmax import alibi, products, unmasked


@pytest.mark.parametrize("kind", ATTENTIONS)
@pytest.mark.parametrize("positions", ["none", "rotary"])
def test_valid_outputs_do_not_depend_on_padding(kind, positions):
    config = AttentionConfig(kind=kind, heads=2, window=4, rank=4, block_size=2, landmarks=3)
    attention = build_attention(config, 8, max_length=10, positions=positions).eval()
    x, mask = torch.randn(3, 10, 8), torch.arange(10) < torch.tensor([[10], [7], [1]])
    padded = attention(x, mask)
    for row, length in enumerate((10, 7, 1)):
        alone = attention(x[row : row + 1, :length])
        torch.testing.assert_close(padded[row, :length], alone[0], atol=1e-5, rtol=1e-5)


def test_a_row_without_valid_entries_stays_finite():
    attention = build_attention(AttentionConfig(heads=2), 8, max_length=10)
    mask = torch.tensor([[True, True], [False, False]])
    assert attention(torch.randn(2, 2, 8), mask).isfinite().all()


def test_softmax_equals_its_definition():
    attention = build_attention(AttentionConfig(heads=2), 8, max_length=10).double()
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    q, k, v = (w.view(2, 5, 2, 4).transpose(1, 2) for w in attention.qkv(x).chunk(3, dim=-1))
    weights = (q @ k.transpose(-1, -2) / 2.0).softmax(-1)
    expected = attention.output((weights @ v).transpose(1, 2).reshape(2, 5, 8))
    torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize("dtype,tolerance", [(torch.float32, 5e-4), (torch.bfloat16, 2e-2), (torch.float16, 4e-3)])
def test_a_mask_in_channels_is_a_mask(dtype, tolerance):
    """Also where scores of the keys that are not seen are high, and in the gradients. The lift costs float32 digits."""
    seen = torch.arange(9) < torch.tensor([[9], [5], [1]])
    q, k, v = (torch.randn(3, 2, 9, 8).to(dtype).requires_grad_() for _ in range(3))
    with torch.no_grad():
        k[1:, :, 6] *= 30
    weight = torch.randn(3, 2, 9, 8)
    results = []
    for out in (unmasked(q, k, v, seen, 0.0), scaled_dot_product_attention(q, k, v, seen[:, None, None, :])):
        results.append((out, *torch.autograd.grad((out * weight).sum(), (q, k, v))))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("keys", [64, 448])
@pytest.mark.parametrize("width", [16, 64])
@pytest.mark.parametrize("kind", ["none", "mask", "added", "channels"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_scores_have_gradients_on_a_gpu(keys, width, kind, dtype):
    """cuDNN's are NaN for such numbers of keys, which some batches and bands have."""
    q, k, v, weight = (torch.randn(2, 4, keys, width, device="cuda") for _ in range(4))
    q[..., 0], k[..., 0] = 1.0, -120 * width**0.5  # every score is about -120
    seen = torch.arange(keys, device="cuda") < torch.tensor([[keys], [keys // 2]], device="cuda")
    bias = {"mask": seen[:, None, None], "added": torch.where(seen, 0.0, -torch.inf)[:, None, None]}.get(kind)
    results = []
    for precision in (dtype, torch.float64):
        inputs = [x.to(dtype).to(precision).requires_grad_() for x in (q, k, v)]
        if kind == "channels" and precision == dtype:
            out = unmasked(*inputs, seen, 0.0)
        else:
            asked = seen[:, None, None] if kind == "channels" else bias
            out = fused_attention(*inputs, asked.to(precision) if kind == "added" else asked, 0.0)
        gradients = torch.autograd.grad((out * weight).sum(), inputs)
        # The first channel's keys are all alike, so that its gradient for the queries is 0, but for rounding.
        results.append((out, gradients[0][..., 1:], *gradients[1:]))
    for one, exact in zip(*results, strict=True):
        assert (one.double() - exact.double()).norm() < 0.02 * exact.double().norm()


@pytest.mark.parametrize("dtype,tolerance", [(torch.float32, 1e-5), (torch.bfloat16, 4e-3), (torch.float16, 5e-4)])
@pytest.mark.parametrize("high", [1, 30])
def test_products_of_short_rows_are_attention(dtype, tolerance, high):
    """Up to one rounding to the precision, as scores stay in float32: also in gradients and where scores are high."""
    q, k, v = (torch.randn(3, 2, 31, 16).to(dtype).requires_grad_() for _ in range(3))
    with torch.no_grad():
        k[1, :, 6] *= high
    weight, results = torch.randn(3, 2, 31, 16).to(dtype), []
    for attention, precision in ((products, dtype), (scaled_dot_product_attention, torch.float64)):
        inputs = [x.detach().to(precision).requires_grad_() for x in (q, k, v)]
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            out = attention(*inputs)
        results.append((out, *torch.autograd.grad((out * weight.to(precision)).sum(), inputs)))
    for one, exact in zip(*results, strict=True):
        assert (one.double() - exact).norm() < tolerance * exact.norm()


@pytest.mark.parametrize("kind", ATTENTIONS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision(kind, dtype):
    attention = build_attention(AttentionConfig(kind, heads=2), 8, max_length=40).eval()
    x, mask = torch.randn(2, 40, 8), torch.arange(40) < torch.tensor([[40], [23]])
    expected, found = attention(x, mask), attention.to(dtype)(x.to(dtype), mask)
    assert found.dtype == dtype
    torch.testing.assert_close(found[mask].float(), expected[mask], atol=0.05, rtol=0.05)


def test_performer_tends_to_softmax():
    performer = build_attention(AttentionConfig("performer", heads=2, features=2**15), 8, max_length=10).double()
    softmax = build_attention(AttentionConfig(heads=2), 8, max_length=10).double()
    softmax.load_state_dict({name: p for name, p in performer.state_dict().items() if name in softmax.state_dict()})
    x, mask = torch.randn(2, 10, 8, dtype=torch.float64) / 2, torch.arange(10) < torch.tensor([[10], [7]])
    expected = softmax(x, mask)
    assert (performer(x, mask) - expected)[mask].abs().max() < 0.02 * expected.abs().max()


def test_random_features_point_everywhere():
    features = orthogonal_features(2**14, 4)
    assert features.mean(0).abs().max() < 0.05
    norms = features.norm(dim=1, keepdim=True)
    blocks = (features / norms).unflatten(0, (-1, 4))
    torch.testing.assert_close(blocks @ blocks.mT, torch.eye(4).expand(2**12, 4, 4), atol=1e-5, rtol=0)
    assert norms.square().mean() == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("kind", ["linear", "performer", "performer_relu"])
def test_sums_over_long_sequences_survive_half_precision(kind):
    attention = build_attention(AttentionConfig(kind, heads=1), 4, max_length=2**17)
    x = torch.randn(1, 2**17, 4)
    expected = attention(x)
    with torch.autocast("cpu", torch.float16):
        found = attention(x)
    assert (found - expected).abs().max() < 0.01 * expected.abs().max()


def test_performer_relu_has_nothing_in_its_normaliser_but_the_features():
    """As the released code: with features near the floor of 1e-3, anything more would show."""
    attention = build_attention(AttentionConfig("performer_relu", heads=1), 2, max_length=10).double()
    for norm in attention.norms[:2]:
        torch.nn.init.zeros_(norm.weight)
    x = torch.randn(1, 5, 2, dtype=torch.float64)
    v = attention.norms[2](attention.qkv(x)[..., 4:])
    torch.testing.assert_close(attention(x), attention.output(v.mean(1, keepdim=True).expand_as(v)))


def test_rotary_scores_depend_on_distance_alone():
    q, k = torch.randn(1, 1, 1, 8, dtype=torch.float64), torch.randn(1, 1, 1, 8, dtype=torch.float64)
    q, k = (rotate(x.expand(1, 1, 12, 8), torch.arange(12)) for x in (q, k))
    scores = (q @ k.transpose(-1, -2))[0, 0]
    torch.testing.assert_close(scores[2, 5], scores[6, 9], atol=1e-6, rtol=1e-6)
    assert (scores[2, 5] - scores[2, 6]).abs() > 1e-4


def test_rotary_stride_measures_positions_in_tokens():
    x = torch.randn(1, 1, 6, 8)
    spread = rotate(x.repeat_interleave(2, 2), torch.arange(12))
    torch.testing.assert_close(rotate(x, torch.arange(0, 12, 2))[:, :, 2], spread[:, :, 4])
    attention = build_attention(AttentionConfig(heads=2), 8, max_length=6, positions="rotary", stride=2)
    x = torch.randn(1, 6, 8)
    torch.testing.assert_close(attention(x), attention(x, position=torch.arange(0, 12, 2)))
    attention.stride = 1
    assert (attention(x, position=torch.arange(0, 12, 2)) - attention(x)).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"heads": 3}, "dim=8 is not divisible by attention.heads=3"),
        ({"heads": 0}, "attention.heads"),
        ({"head_dim": 0}, "attention.head_dim"),
        ({"dropout": 1.0}, "attention.dropout"),
    ],
)
def test_bad_sizes_name_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_attention(AttentionConfig(**arguments), 8, max_length=10)


def test_rotary_refuses_odd_heads():
    with pytest.raises(ValueError, match="even head_dim"):
        build_attention(AttentionConfig(heads=1, head_dim=3), 8, max_length=10, positions="rotary")


def test_alibi_is_a_linear_bias_in_tokens():
    bias = alibi(4, 5, 2, torch.zeros(()))
    assert bias.shape == (4, 5, 5)
    assert bias[1, 0, 3] == pytest.approx(-(2**-4) * 6)
    torch.testing.assert_close(bias, bias.transpose(1, 2))
