import itertools

import pytest
import torch

from wavspa_lit.attention import AttentionConfig
from wavspa_lit.nn import ClassificationHead, Encoder, EncoderConfig
from wavspa_lit.nn.heads import pool
from wavspa_lit.nn.positions import RandomizedPositions, sinusoids
from wavspa_lit.wavelets import WaveletConfig

WAVELETS = ["fixed", "adaptive", "orthogonal", "lifting", "adaptive_lifting"]
SPACES = [
    pytest.param({"space": "token"}, id="token"),
    *(
        pytest.param(
            {"space": "wavelet", "wavelet": WaveletConfig(kind=kind, name="db2", level=level)}, id=f"{kind}-{level}"
        )
        for kind, level in itertools.product(WAVELETS, (1, 3))
    ),
    pytest.param({"space": "wavelet", "wavelet": WaveletConfig(name="db2", level=2, packets=True)}, id="packets"),
    pytest.param({"wavelet": WaveletConfig(name="db2", level=2, per_level=True, sharing="head")}, id="levels-heads"),
    pytest.param({"wavelet": WaveletConfig(name="bior2.2", tied=False, mode="reflect")}, id="untied-reflect"),
]
POSITIONS = ("none", "sinusoidal", "learned", "rotary", "alibi", "randomized", "randomized_rotary")
LENGTHS = (13, 8, 5, 1)


def encoder(cls_token=False, **options):
    config = EncoderConfig(**{"dim": 8, "layers": 2, "mlp_dim": 16, **options})
    return Encoder(config, vocab_size=11, max_length=32, cls_token=cls_token).eval()


@pytest.mark.filterwarnings("ignore:.*level.*")
@pytest.mark.parametrize("options", SPACES)
@pytest.mark.parametrize(
    ("positions", "cls_token"),
    [*((kind, False) for kind in POSITIONS), ("sinusoidal", True)],
)
def test_padding_is_exact(options, positions, cls_token):
    """Alone, and in a padded batch with anything behind it: the same states."""
    model = encoder(positions=positions, cls_token=cls_token, **options)
    tokens = torch.randint(1, 11, (len(LENGTHS), 16))
    mask = torch.arange(16) < torch.tensor(LENGTHS)[:, None]
    padded, padded_mask = model(tokens, mask)
    for row, length in enumerate(LENGTHS):
        alone, _ = model(tokens[row : row + 1, :length])
        assert padded_mask[row].sum() == alone.shape[1] == length + cls_token
        torch.testing.assert_close(padded[row, : alone.shape[1]], alone[0], atol=2e-5, rtol=2e-5)


@pytest.mark.filterwarnings("ignore:.*level.*")
@pytest.mark.parametrize("options", SPACES)
def test_every_parameter_gets_a_gradient(options):
    model = encoder(**options)
    head = ClassificationHead(8, 16, 3, "mean")
    head(*model(torch.randint(1, 11, (2, 16)))).square().sum().backward()
    missing = [name for name, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert missing == []


def test_learned_positions_refuse_more_than_they_know():
    with pytest.raises(ValueError, match="learned positions cover 32 positions, the input has 40"):
        encoder(positions="learned")(torch.ones(1, 40, dtype=torch.int64))


@pytest.mark.parametrize("positions", [kind for kind in POSITIONS if kind != "learned"])
def test_other_positions_go_beyond_the_trained_length(positions):
    states, _ = encoder(positions=positions)(torch.ones(1, 40, dtype=torch.int64))
    assert states.shape == (1, 40, 8)


def test_sinusoids_are_sines_and_cosines():
    table = sinusoids(torch.arange(7), 6)
    position, pair = 5, 1
    angle = torch.tensor(position / 10_000 ** (2 * pair / 6))
    torch.testing.assert_close(table[position, 2 * pair : 2 * pair + 2], torch.stack((angle.sin(), angle.cos())))


def test_randomized_positions_increase_and_change_in_training_only():
    positions = RandomizedPositions(50)
    x = torch.zeros(1, 20, 8)
    assert not torch.equal(positions(x), positions(x))
    positions.eval()
    assert torch.equal(positions(x), positions(x))
    known = sinusoids(torch.arange(50), 8)
    found = [(known - row).abs().sum(1).argmin().item() for row in positions(x)[0]]
    assert found == sorted(set(found))
    with pytest.raises(ValueError, match="lie below 50, the input has 51"):
        positions(torch.zeros(1, 51, 8))
    with pytest.raises(ValueError, match=r"raise encoder\.max_position"):
        encoder(positions="randomized", max_position=31)


def test_shared_layers_pass_several_times_through_the_same_weights():
    """Twice through two blocks is once through four with the same weights; evaluation may pass more often."""
    tied, plain = encoder(share_layers=True, loops=2), encoder(layers=4)
    assert encoder().state_dict().keys() == tied.state_dict().keys()
    plain.load_state_dict(tied.state_dict(), strict=False)
    for block, again in zip(plain.blocks[2:], tied.blocks, strict=True):
        block.load_state_dict(again.state_dict())
    tokens = torch.randint(1, 11, (2, 9))
    torch.testing.assert_close(tied(tokens)[0], plain(tokens)[0])
    more = encoder(share_layers=True, test_loops=2)
    more.load_state_dict(tied.state_dict())
    torch.testing.assert_close(more(tokens)[0], tied(tokens)[0])
    assert not torch.allclose(more.train()(tokens)[0], tied(tokens)[0])


def test_states_of_every_pass_in_training_are_those_of_fewer_passes():
    torch.manual_seed(0)
    model = encoder(share_layers=True, loops=3, input_injection=True, deep_supervision=True, dropout=0.0).train()
    tokens, mask = torch.randint(1, 11, (2, 9)), torch.arange(9) < torch.tensor([[9], [5]])
    states, masks = model(tokens, mask)
    assert states.shape == (6, 9, 8) and torch.equal(masks, mask.repeat(3, 1))
    model.eval()
    for passes, expected in enumerate(states.chunk(3), start=1):
        model.test_loops = passes
        torch.testing.assert_close(model(tokens, mask)[0], expected)


def test_closed_copy_gates_keep_every_state():
    model = encoder(copy_gate=True)
    for block in model.blocks:
        block.gate[2].bias.data.fill_(-1e4)
    tokens = torch.randint(1, 11, (2, 9))
    embedded = model.positions(model.embedding(tokens))
    torch.testing.assert_close(model(tokens)[0], model.norm(embedded))


def test_drawn_rotary_positions_one_apart_are_rotary_positions():
    """With as many positions as tokens there is only one increasing sequence."""
    drawn, rotary = encoder(positions="randomized_rotary", max_position=32), encoder(positions="rotary")
    rotary.load_state_dict(drawn.state_dict())
    tokens = torch.randint(1, 11, (2, 32))
    torch.testing.assert_close(drawn(tokens)[0], rotary(tokens)[0])
    assert not torch.allclose(drawn(tokens[:, :20])[0], rotary(tokens[:, :20])[0])


@pytest.mark.parametrize("how", ["cls", "mean", "max"])
def test_pooling_reads_valid_states_only(how):
    x, mask = torch.randn(2, 6, 3), torch.arange(6) < torch.tensor([[6], [4]])
    pooled = pool(x, mask, how)
    torch.testing.assert_close(pooled[1], pool(x[1:, :4], None, how)[0])
    x[1, 4:] = 100.0
    torch.testing.assert_close(pool(x, mask, how), pooled)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "encoder.dim"),
        ({"share_layers": True, "test_loops": 0}, "encoder.test_loops must be at least 1, got 0"),
        ({"loops": 6}, "encoder.loops 6 is for several passes through the same blocks: set encoder.share_layers true"),
        ({"test_loops": 12}, "encoder.test_loops 12 is for several passes"),
        ({"input_injection": True}, "encoder.input_injection True is for several passes"),
        ({"deep_supervision": True}, "encoder.deep_supervision True is for several passes"),
        ({"copy_gate": True, "compat": "official"}, "released block, which has no copy_gate"),
        ({"layers": 0}, "encoder.layers"),
        ({"dropout": 1.5}, "encoder.dropout"),
        ({"max_position": 0}, "encoder.max_position"),
        ({"dim": 10}, "attention.heads"),
        ({"positions": "rotary", "attention": AttentionConfig(head_dim=3)}, "need an even head_dim, got 3"),
        ({"positions": "randomized_rotary", "attention": AttentionConfig(head_dim=3)}, "need an even head_dim, got 3"),
        ({"wavelet": WaveletConfig(level=0)}, r"wavelet.level 0 leaves the tokens as they are"),
        (
            {"dim": 10, "attention": AttentionConfig(head_dim=4), "wavelet": WaveletConfig(sharing="head")},
            "10 channels cannot be shared among 4 heads",
        ),
        (
            {"activation_checkpointing": True, "attention": AttentionConfig("performer", redraw_interval=9)},
            "activation_checkpointing computes blocks again",
        ),
        ({"dim": 7, "positions": "sinusoidal"}, "even encoder.dim"),
        ({"positions": "alibi", "attention": AttentionConfig(kind="linear")}, "softmax attention, and linear has none"),
    ],
)
def test_bad_sizes_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**options)


@pytest.mark.parametrize("options", [{}, {"attention": AttentionConfig("performer", heads=2)}])
def test_activation_checkpointing_changes_memory_only(options):
    """Dropout and random features are drawn again as they were."""
    kept, gradients = [], []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        config = EncoderConfig(dim=16, layers=3, dropout=0.3, activation_checkpointing=checkpointing, **options)
        encoder = Encoder(config, 11, 64)
        tokens = torch.randint(11, (2, 64))
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):  # noqa: B023
            states, _ = encoder(tokens, torch.ones(2, 64, dtype=torch.bool))
        states.square().sum().backward()
        kept.append(sum(sizes))
        gradients.append([p.grad for p in encoder.parameters()])
    assert kept[1] < kept[0] / 5
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
