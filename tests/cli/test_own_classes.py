"""A mechanism, a space and filters of the user's own, from Python and from the command line, without a fork."""

import sys

import pytest
import torch

from wavspa_lit.cli import run
from wavspa_lit.nn import Encoder
from wavspa_lit.tasks import TokenReasoning

OWN = """
import torch
from wavspa_lit.attention import Attention
from wavspa_lit.attention.base import valid_entries
from wavspa_lit.spaces import TokenSpace
from wavspa_lit.wavelets import FixedBank


class MeanAttention(Attention):
    '''Adds the mean of the valid values, faded.'''

    def __init__(self, dim, heads=4, *, fade=0.5, **options):
        super().__init__(dim, heads, **options)
        self.fade = fade

    def attend(self, q, k, v, mask):
        valid = valid_entries(mask, v)[:, None, :, None]
        return q + k + self.fade * (v * valid).sum(2, keepdim=True) / valid.sum(2, keepdim=True).clamp(min=1)


class Reversed(TokenSpace):
    '''Channels the other way round.'''

    def __init__(self, dim):
        super().__init__()
        self.register_buffer("order", torch.arange(dim).flip(0))

    def analyse(self, x, mask):
        return super().analyse(x[..., self.order], mask)

    def synthesise(self, bands, length, mask):
        return super().synthesise(bands, length, mask)[..., self.order]


class Haar(FixedBank):
    '''Always Haar.'''

    @classmethod
    def from_wavelet(cls):
        return super().from_wavelet("haar")
"""
FLAGS = [
    *("--model.encoder.attention.kind", "my_own.MeanAttention", "--model.encoder.attention.options.fade", "0.25"),
    *("--model.encoder.wavelet.kind", "my_own.Haar", "--trainer.max_steps", "1"),
]


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "my_own.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("my_own", None)


@pytest.mark.parametrize("others", [{"wavelet": {"kind": "my_own.Haar"}}, {"space": "my_own.Reversed"}])
def test_classes_of_ones_own_from_python(own, others):
    attention = {"kind": "my_own.MeanAttention", "heads": 2, "options": {"fade": 0.25}}
    encoder = Encoder({"dim": 8, "layers": 1, "mlp_dim": 8, "attention": attention, **others}, vocab_size=5).eval()
    assert encoder.blocks[0].attentions[0].fade == 0.25
    tokens, mask = torch.randint(5, (2, 9)), torch.arange(9) < torch.tensor([[9], [4]])
    torch.testing.assert_close(encoder(tokens, mask)[0][1, :4], encoder(tokens[1:, :4])[0][0])


def test_a_wrong_keyword_of_ones_own_class_is_named(own):
    with pytest.raises(ValueError, match=r"MeanAttention has no argument 'fadee': did you mean fade\?"):
        Encoder({"attention": {"kind": "my_own.MeanAttention", "options": {"fadee": 1}}}, vocab_size=5)


def test_classes_of_ones_own_from_the_command_line(own, lego, refused):
    """Trained with them; tested again only with --trust, since to import a module is to run it."""
    trained = lego(*FLAGS, "--run", "r").model
    assert trained.encoder.blocks[0].attentions[0].fade == 0.25
    sys.modules.pop("my_own")
    checkpoint = "r/checkpoints/last.ckpt"
    assert "my_own.Haar is not a class of this project" in refused("test", "--ckpt_path", checkpoint)
    with pytest.raises(ValueError, match="with --trust"):
        TokenReasoning.load_from_checkpoint(checkpoint)
    assert "my_own" not in sys.modules
    run(["test", "--ckpt_path", checkpoint, "--trust"])
    sys.modules.pop("my_own")
    again = TokenReasoning.load_from_checkpoint(checkpoint, trust=True)
    assert again.encoder.blocks[0].attentions[0].fade == 0.25


def test_old_names_of_settings_work_on_the_command_line(lego, tmp_path):
    (tmp_path / "old.yaml").write_text("model: {init_args: {encoder: {backward: false}}}\n")
    with pytest.warns(UserWarning, match="has a new name"):
        task = lego("-c", "old.yaml", "--model.encoder.shared_bands", "true", "--trainer.max_steps", "1").model
    assert (task.encoder_config.synthesis, task.encoder_config.bands) == (False, "shared")
