"""Masks: padding lies after the tokens, and anything else is refused instead of losing tokens."""

import pytest
import torch

from wavspa_lit.nn import Encoder, EncoderConfig, WaveletAttention
from wavspa_lit.padding import check_padding, layers_share, once
from wavspa_lit.spaces import SPACES
from wavspa_lit.wavelets import AdaptiveBank, band_masks, wavedec, wavelet_packet, waverec

LEFT = torch.tensor([[True] * 8, [False] * 3 + [True] * 5])
HOLE = torch.tensor([[True] * 8, [True] * 3 + [False] + [True] * 4])
RIGHT = torch.tensor([[True] * 8, [True] * 5 + [False] * 3])
FILTERS = torch.tensor([0.5**0.5, 0.5**0.5])
x = torch.randn(2, 8, 4)
tokens = torch.randint(1, 9, (2, 8))


def encoder(space="wavelet", **options):
    attention = {"heads": 2, "kind": "none" if space == "fnet" else "softmax"}
    return Encoder(EncoderConfig(layers=2, dim=4, mlp_dim=4, attention=attention, space=space), 10, **options)


@pytest.mark.parametrize("mask", [LEFT, HOLE], ids=["left", "hole"])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("cls_token", [False, True])
def test_encoders_refuse_padding_before_a_token_with_its_row(mask, space, cls_token):
    with pytest.raises(ValueError, match="padding lies before a token in row 1; padding must lie after the tokens"):
        encoder(space, cls_token=cls_token)(tokens, mask)


@pytest.mark.parametrize(
    "use",
    [
        lambda mask: wavedec(x, FILTERS, 1, mask=mask),
        lambda mask: waverec([x[:, :4], x[:, :4]], FILTERS, mask=mask),
        lambda mask: wavelet_packet(x, FILTERS, 1, mask=mask),
        lambda mask: band_masks(mask, FILTERS, 1),
        lambda mask: WaveletAttention(4, 2, level=1)(x, mask),
    ],
    ids=["wavedec", "waverec", "wavelet_packet", "band_masks", "WaveletAttention"],
)
def test_transforms_and_layers_refuse_it_too(use):
    use(RIGHT)
    with pytest.raises(ValueError, match="in row 1"):
        use(LEFT.clone())
    with pytest.raises(TypeError, match="mask must be of bool"):
        use(RIGHT.float())


def test_a_mask_that_is_changed_in_place_is_looked_at_again():
    mask, model = RIGHT.clone(), encoder()
    model(tokens, mask)
    mask.copy_(LEFT)
    with pytest.raises(ValueError, match="in row 1"):
        model(tokens, mask)


def test_rows_of_nothing_but_padding_and_inference_mode_are_fine():
    with torch.inference_mode():
        encoder()(tokens, torch.tensor([[True] * 8, [False] * 8]))


def test_compiled_code_takes_masks_in_one_piece():
    model = encoder().eval()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(tokens, RIGHT)[0], model(tokens, RIGHT)[0])


def test_what_is_derived_of_a_mask_lasts_for_one_forward_pass():
    """A mask may change in place between two, as the memory of CUDA graphs does."""
    model, mask = encoder().eval(), RIGHT.clone()
    model(tokens, mask)
    mask[0, 6:] = False
    torch.testing.assert_close(model(tokens, mask), model(tokens, mask.clone()), rtol=0, atol=0)
    derived = []

    def derive():
        derived.append(mask)
        return mask.sum(-1)

    with layers_share():
        assert once(mask, "lengths", derive) is once(mask, "lengths", derive)
        once(mask, "other", derive)
    once(mask, "lengths", derive)
    assert len(derived) == 3


def test_filters_are_made_once_in_a_pass(monkeypatch):
    """However often shared layers go through them, and each pass anew, because they train."""
    made = []
    whole = AdaptiveBank.filters
    monkeypatch.setattr(AdaptiveBank, "filters", lambda bank: made.append(bank) or whole(bank))
    settings = {"layers": 2, "share_layers": True, "loops": 3, "wavelet": {"level": 2}}
    model = Encoder(EncoderConfig(dim=8, **settings), vocab_size=11)
    for _ in range(2):
        model(tokens)[0].sum().backward()
    assert len(made) == 2 * len(model.blocks)


def test_filters_that_were_made_without_gradients_do_not_stand_for_those_that_train():
    bank = AdaptiveBank.from_wavelet("db2", 4)
    with layers_share():
        with torch.no_grad():
            wavedec(x, bank, 1)
        wavedec(x, bank, 1)[0].sum().backward()
    assert bank.dec_lo.grad.abs().sum() > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_not_waited_for():
    mask = RIGHT.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        check_padding(mask)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_mask_that_changes_in_inference_mode_is_read_again():
    with torch.inference_mode():
        mask = torch.ones(2, 8, dtype=torch.bool)
        check_padding(mask)
        mask[0, :3] = False
        with pytest.raises(ValueError, match="in row 0"):
            check_padding(mask)
