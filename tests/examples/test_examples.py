import torch

from wavspa_lit.nn import Encoder


def test_the_convolution_space_is_exact_under_padding(configs, monkeypatch):
    monkeypatch.syspath_prepend(configs.parent / "examples")
    torch.manual_seed(0)
    config = {"dim": 8, "layers": 1, "mlp_dim": 8, "attention": {"heads": 2}}
    encoder = Encoder({**config, "space": "convolution_space.ConvolutionSpace"}, vocab_size=9).eval()
    tokens = torch.randint(1, 9, (2, 12))
    wide = torch.nn.functional.pad(tokens, (0, 5))
    states, _ = encoder(tokens)
    padded, _ = encoder(wide, torch.arange(17).expand(2, -1) < 12)
    torch.testing.assert_close(padded[:, :12], states)
