"""Every space with every attention: what holds for one encoder must hold for all."""

from itertools import product

import pytest
import torch

from wavspa_lit.attention import ATTENTIONS, AttentionConfig
from wavspa_lit.nn import ClassificationHead, Encoder, EncoderConfig
from wavspa_lit.speed import compile_blocks
from wavspa_lit.wavelets import WaveletConfig

TOTAL, LENGTHS = 24, (24, 17, 8, 2, 1)
WAVELET = WaveletConfig(name="db2", level=2)
TIED = {"share_layers": True, "loops": 2, "test_loops": 3, "input_injection": True, "copy_gate": True}
TIED |= {"deep_supervision": True, "positions": "randomized_rotary", "max_position": 64}
SPACES = {
    "token": {"space": "token"},
    "fourier": {"space": "fourier"},
    "fourier-joint": {"space": "fourier", "bands": "joint"},
    "wavelet": {"wavelet": WAVELET},
    "wavelet-shared": {"wavelet": WAVELET, "bands": "shared"},
    "wavelet-joint": {"wavelet": WAVELET, "bands": "joint"},
    "wavelet-forward": {"wavelet": WAVELET, "synthesis": False},
    "token-tied": {"space": "token", **TIED},
    "wavelet-tied": {"wavelet": WAVELET, **TIED},
    "wavelet-tied-joint": {"wavelet": WAVELET, "bands": "joint", **TIED},
}
GRID = [*product(SPACES, ATTENTIONS), ("fnet", "none")]
pytestmark = pytest.mark.filterwarnings("ignore:.*level.*")


def options_of(space, kind, **attention):
    sizes = {"heads": 2, "window": 4, "rank": 4, "block_size": 3, "random_blocks": 1, "landmarks": 3, "conv_size": 3}
    return {**SPACES.get(space, {"space": space}), "attention": AttentionConfig(kind, **{**sizes, **attention})}


def encoder(options, **others):
    config = EncoderConfig(**{"dim": 8, "layers": 2, "mlp_dim": 16, **options, **others})
    return Encoder(config, vocab_size=11, max_length=32).eval()


def batch():
    tokens = torch.randint(1, 11, (len(LENGTHS), TOTAL))
    return tokens, torch.arange(TOTAL) < torch.tensor(LENGTHS)[:, None]


@pytest.mark.parametrize(("space", "kind"), GRID)
def test_padding_is_exact_in_every_pair(space, kind):
    """Alone, and in a padded batch with anything behind it: the same states."""
    positions = "rotary" if space.endswith(("joint", "shared")) else "sinusoidal"
    model = encoder({"positions": positions, **options_of(space, kind)})
    tokens, mask = batch()
    padded, _ = model(tokens, mask)
    for row, length in enumerate(LENGTHS):
        alone, _ = model(tokens[row : row + 1, :length])
        # The inner norms of performer_relu blow round-off up by as much as 1 / sqrt(eps) = 1000.
        tolerance = 1e-4 if kind == "performer_relu" else 1e-5
        torch.testing.assert_close(padded[row, :length], alone[0], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("masked", [True, False], ids=["ragged", "full"])
@pytest.mark.parametrize(("space", "kind"), GRID)
def test_every_pair_trains(space, kind, masked):
    """A gradient reaches every parameter, and half precision is finite."""
    model = encoder(options_of(space, kind)).train()
    head = ClassificationHead(8, 16, 3, "mean")
    tokens, mask = batch()
    inputs = (tokens, mask if masked else None)
    head(*model(*inputs)).square().sum().backward()
    missing = [name for name, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert missing == []
    with torch.autocast("cpu", torch.bfloat16):
        states, _ = model(*inputs)
        states.float().square().sum().backward()
    assert states.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("space", "kind"),
    [
        *product(["token", "wavelet"], ["softmax", "linear", "performer"]),
        ("wavelet-tied", "softmax"),
        *(pytest.param("wavelet-tied", kind, marks=pytest.mark.slow) for kind in ("linear", "performer")),
    ],
)
def test_encoders_compile_without_graph_breaks(space, kind):
    torch._dynamo.reset()
    model = encoder(options_of(space, kind), layers=1)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for inputs in (batch(), batch()[:1]):
        torch.testing.assert_close(compiled(*inputs)[0], model(*inputs)[0], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("space", "kind"), [("wavelet", "softmax"), ("wavelet-joint", "linear"), ("token", "bigbird")])
def test_encoders_compile_with_inductor(space, kind):
    torch._dynamo.reset()
    model = encoder(options_of(space, kind), layers=1)
    inputs = batch()
    compiled = torch.compile(model, fullgraph=True)
    torch.testing.assert_close(compiled(*inputs)[0], model(*inputs)[0], atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "space,parts,masked", [("fourier", False, True), ("fourier", False, False), ("wavelet", True, True)]
)
def test_compiled_blocks_train_on_batches_of_any_length(space, parts, masked):
    config = EncoderConfig(dim=16, layers=1, mlp_dim=16, dropout=0.0, space=space)
    losses = []
    for compiled in (True, False):
        torch.manual_seed(0)
        encoder = Encoder(config, vocab_size=11, max_length=200)
        if compiled:
            compile_blocks(encoder.blocks, parts=parts)
        for length in (96, 200):
            tokens, ends = torch.randint(1, 11, (3, length)), torch.tensor([[length], [length // 2], [length - 3]])
            encoder.zero_grad()
            states, _ = encoder(tokens, torch.arange(length) < ends if masked else None)
            loss = states.square().mul(torch.linspace(0, 1, 16)).mean()
            loss.backward()
            losses.append(torch.stack([loss.detach(), *(p.grad.norm() for p in encoder.blocks.parameters())]))
    torch.testing.assert_close(torch.stack(losses[:2]), torch.stack(losses[2:]), atol=1e-4, rtol=1e-4)


def test_shared_bands_share_and_joint_bands_see_each_other():
    def attentions(**options):
        return encoder({"wavelet": WAVELET, **options}, layers=1).blocks[0].attentions

    own, shared, joint = (
        sum(p.numel() for name, p in attentions(**options).named_parameters() if "embedding" not in name)
        for options in ({}, {"bands": "shared"}, {"bands": "joint"})
    )
    assert own == 3 * shared == 3 * joint
    model = encoder({"wavelet": WAVELET, "bands": "joint"}, layers=1).blocks[0]
    bands = model.space.analyse(torch.randn(1, 16, 8), None)
    before = model.attentions(bands)[0]
    bands[-1].x.add_(1.0)
    assert (model.attentions(bands)[0] - before).abs().max() > 1e-4


def test_joint_bands_know_the_time_of_their_entries():
    """With rotary positions, moving a band in time matters; the same entry at the same time does not."""
    joint = encoder({"wavelet": WAVELET, "bands": "joint"}, layers=1, positions="rotary").blocks[0].attentions
    joint.embedding.data.zero_()
    bands = encoder({"wavelet": WAVELET}).blocks[0].space.analyse(torch.randn(1, 16, 8), None)
    out = joint(bands)
    position = torch.tensor([*range(0, 16, 4), *range(0, 16, 4), *range(0, 16, 2)])
    expected = joint.attention(torch.cat([band.x for band in bands], dim=1), position=position)
    torch.testing.assert_close(torch.cat(out, dim=1), expected)


def test_without_synthesis_the_coefficients_stand_where_the_tokens_stood():
    space = encoder({"wavelet": WAVELET, "synthesis": False}).blocks[0].space
    x, mask = torch.randn(1, 12, 8), torch.arange(12)[None] < 9
    bands = [band.x for band in space.analyse(x[:, :9], None)]
    assert [band.shape[1] for band in bands] == [3, 3, 5]
    padded = space.synthesise([band.x for band in space.analyse(x, mask)], 12, mask)
    torch.testing.assert_close(padded[:, :9], torch.cat(bands, dim=1)[:, :9])
    assert not padded[:, 9:].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": "fnet"}, "space fnet mixes tokens without attention; set attention.kind none"),
        (
            {"space": "token", "attention": AttentionConfig("none")},
            "kind none leaves the tokens of space token",
        ),
        ({"space": "fnet", "attention": AttentionConfig("none"), "positions": "rotary"}, "space fnet has none"),
        ({"space": "token", "bands": "shared"}, "bands shared needs several, and space token has one"),
        ({"bands": "joint", "positions": "alibi"}, "bands joint does not go with positions alibi"),
        ({"space": "fourier", "synthesis": False}, "synthesis false is for space wavelet"),
        ({"synthesis": False, "wavelet": WaveletConfig(mode="reflect")}, "use wavelet.mode periodization"),
        (
            {"synthesis": False, "wavelet": WaveletConfig(tied=False)},
            "synthesis false leaves out the synthesis filters",
        ),
    ],
)
def test_impossible_pairs_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**options)
