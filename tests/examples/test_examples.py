import runpy

import pytest
import torch

from wavspa_lit.nn import Encoder


@pytest.fixture
def example(configs):
    """Runs an example as a script would and returns its names."""
    return lambda name: runpy.run_path(str(configs.parent / "examples" / f"{name}.py"))


def test_the_transform_goes_there_and_back(example):
    names = example("transform")
    torch.testing.assert_close(names["back"], names["signal"], atol=1e-5, rtol=0)


def test_a_model_of_ones_own_learns(example):
    losses = example("own_model")["main"](60)
    assert losses[-1] < losses[0] / 4


def test_a_training_without_the_command_line_goes_on_where_it_stopped(example, configs, tmp_path, capsys):
    source = (configs.parent / "examples" / "training.py").read_text()
    assert len(source.splitlines()) <= 40
    main = example("training")["main"]
    assert 0 <= main(str(tmp_path / "run"), steps=100) <= 1
    assert "2 classes" in capsys.readouterr().out
    main(str(tmp_path / "run"), steps=110)
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 110 and state["task"] == "TokenReasoning"


def test_filters_of_a_shipped_checkpoint_have_moved(example):
    assert all(change > 0.1 for change in example("filters")["main"]())


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
