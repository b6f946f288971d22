import pytest
import torch

from wavspa_lit.attention import AttentionConfig, build_attention
from wavspa_lit.attention.longformer import _chunked, _flex, _watched
from wavspa_lit.nn.cost import flop_counter

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def inputs(length, device="cpu", dtype=torch.float32):
    """Queries, keys and values of three rows, of which the last has no valid entry, and the rows' ends."""
    qkv = torch.randn(3, length, 3, 2, 16).to(device, dtype).permute(2, 0, 3, 1, 4)
    return *qkv, torch.tensor([length, 1 + length // 3, 0], dtype=torch.int32, device=device)


def mask_of(ends, length):
    return torch.arange(length, device=ends.device) < ends[:, None]


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore:flex_attention called without")
@pytest.mark.parametrize("window", [1, 2, 64, 128, 301])
@pytest.mark.parametrize("length", [1, 100, 129, 300])
def test_flex_equals_chunks(length, window):
    q, k, v, ends = inputs(length)
    mask = mask_of(ends, length)
    for count in (0, 1, 5):
        found, expected = _flex(q, k, v, ends, window // 2, count), _chunked(q, k, v, mask, window // 2, count)
        torch.testing.assert_close(found.transpose(1, 2)[mask], expected.transpose(1, 2)[mask])
        assert found.isfinite().all()
    torch.testing.assert_close(_flex(q, k, v, None, window // 2, 1), _chunked(q, k, v, None, window // 2, 1))


def test_flex_is_compiled_for_all_lengths_at_once():
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph

    flex = torch.compile(_flex, dynamic=True, fullgraph=True, backend=backend)
    for length in (256, 300, 384, 512, 500, 640, 700, 1024):
        q, k, v, ends = inputs(length)
        expected = _chunked(q, k, v, mask_of(ends, length), length // 8, 3)
        torch.testing.assert_close(flex(q, k, v, ends, length // 8, 3)[0], expected[0])
    assert len(graphs) <= 3  # whole blocks or not, and another where a number looked special


def test_flex_leaves_operations_to_those_who_count_them():
    assert not _watched()
    with flop_counter():
        assert _watched()
    seen = []
    torch.func.vmap(lambda x: seen.append(_watched()) or x)(torch.ones(2))
    assert seen == [True]


@on_gpu
@pytest.mark.parametrize("outer", [False, True])
@pytest.mark.parametrize("count", [0, 5])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 3e-2)])
def test_flex_on_a_gpu_equals_chunks_with_gradients(dtype, tolerance, count, outer):
    config = AttentionConfig("longformer", heads=2, window=100, global_tokens=count, flex=True)
    attention = build_attention(config, 32, max_length=600)
    attend = torch.compile(attention.attend, fullgraph=True) if outer else attention.attend
    for length in (256, 300, 600):
        *qkv, ends = inputs(length, "cuda", dtype)
        mask = mask_of(ends, length)
        for valid in (mask, None):
            ours, chunks = ([x.detach().to(d).requires_grad_() for x in qkv] for d in (dtype, torch.float32))
            found, expected = attend(*ours, valid), _chunked(*chunks, valid, 50, count)
            seen = mask if valid is not None else torch.ones_like(mask)
            weight = torch.randn_like(expected) * seen[:, None, :, None]
            found_gradients = torch.autograd.grad((found * weight).sum(), ours)
            gradients = torch.autograd.grad((expected * weight).sum(), chunks)
            pairs = [(found * seen[:, None, :, None], expected * seen[:, None, :, None])]
            for one, other in pairs + list(zip(found_gradients, gradients, strict=True)):
                torch.testing.assert_close(one.float(), other, atol=tolerance, rtol=tolerance)
            assert found.isfinite().all()
            padded = torch.autograd.grad(attend(*ours, valid).square().sum(), ours)
            assert all(x.isfinite().all() for x in padded)


@on_gpu
def test_flex_on_a_gpu_holds_no_scores():
    attention = build_attention(AttentionConfig("longformer", heads=2, flex=True), 32, max_length=8192).cuda()
    x = torch.randn(2, 8192, 32, device="cuda")
    attention(x).sum().backward()
    torch.cuda.reset_peak_memory_stats()
    attention(x, torch.ones(2, 8192, dtype=torch.bool, device="cuda")).sum().backward()
    assert torch.cuda.max_memory_allocated() < 2**28  # the scores would be 2**30 bytes
    with flop_counter() as counter:
        attention(x)
    assert 2**28 < counter.get_total_flops() < 2**31  # all pairs would be 2**34
