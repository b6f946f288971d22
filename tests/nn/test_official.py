"""The released code's blocks and models, rebuilt from its parameters."""

import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch

from wavspa_lit.attention import AttentionConfig
from wavspa_lit.compat import convert, convert_block
from wavspa_lit.nn import EncoderConfig
from wavspa_lit.nn.official import OfficialBlock
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks import SequenceClassification
from wavspa_lit.wavelets import FilterBank, WaveletConfig

GOLDENS = Path(__file__).parent / "goldens"
KINDS = {"ortho": "orthogonal", "lift": "lifting", "adalift": "adaptive_lifting"}
ATTENTIONS = {"transformer": "softmax", "linear_attention": "linear", "linformer": "linformer"}
pytestmark = pytest.mark.filterwarnings("ignore:.*level.*")


def load(file):
    with numpy.load(file, allow_pickle=False) as arrays:
        golden = dict(arrays)
    return golden, json.loads(str(golden["config"]))


def inside(golden, prefix):
    return {name.removeprefix(prefix): array for name, array in golden.items() if name.startswith(prefix)}


def description(config, dim, heads, **options):
    kind = KINDS.get(config["wavelet"], "adaptive")
    wavelet = WaveletConfig(kind=kind, name=f"db{config['wlen'] // 2}", level=config["level"])
    attention = AttentionConfig(
        ATTENTIONS[config.get("model_type", "transformer")], heads=heads, head_dim=config["qkv_dim"] // heads
    )
    common = {"dim": dim, "mlp_dim": config["mlp_dim"], "dropout": 0.0, "compat": "official", **options}
    return EncoderConfig(wavelet=wavelet, attention=attention, **common)


def error(found, expected):
    expected = torch.tensor(expected)
    return ((found - expected).abs().max() / expected.abs().max()).item()


def load_known(module, tensors):
    """All parameters; what a released block with fixed lifting has besides is not used."""
    own = module.state_dict()
    module.load_state_dict({name: tensor for name, tensor in tensors.items() if name in own})


@pytest.mark.parametrize("file", sorted(GOLDENS.glob("block_*.npz")), ids=lambda file: file.stem)
def test_blocks_compute_what_the_released_ones_compute(file):
    golden, config = load(file)
    block = OfficialBlock(description(config, config["C"], config["heads"]), max_length=96)
    load_known(block, convert_block(inside(golden, "param/")))
    x = torch.tensor(golden["input"], requires_grad=True)
    mask = torch.tensor(golden["padding_mask"])[..., 0]
    output = block(x, mask)
    assert error(output, golden["output"]) < 1e-4
    if config["wavelet"] != "lift":  # there the released gradients lack a term
        (output * torch.tensor(golden["cot_output"])).sum().backward()
        assert error(x.grad, golden["grad_input"]) < 1e-4
        gradients = convert_block(inside(golden, "grad/"))
        for name, parameter in block.named_parameters():
            assert error(parameter.grad, gradients[name].numpy()) < 1e-4, name
    if "fix_output" in golden:
        assert isinstance(block.space.bank, FilterBank)
        block.space.bank.compat = "none"
        assert error(block(x, mask), golden["fix_output"]) < 1e-4


def task_of(config):
    encoder = description(config, config["emb_dim"], config["num_heads"], layers=config["num_layers"])
    return SequenceClassification(
        encoder=encoder,
        optimizer=OptimizerConfig(),
        pooling=config["classifier_pool"].lower(),
        vocab_size=config["vocab_size"],
        num_classes=config["num_classes"],
        max_length=config["max_len"],
    ).eval()


@pytest.mark.parametrize("file", sorted(GOLDENS.glob("encoder_*.npz")), ids=lambda file: file.stem)
def test_models_compute_what_the_released_ones_compute(file):
    golden, config = load(file)
    task = task_of(config)
    task.load_state_dict(convert(inside(golden, "param/")))
    tokens = torch.tensor(golden["tokens"])
    logits = task({"tokens": tokens, "mask": tokens > 0, "labels": torch.zeros(3, dtype=torch.long)})
    assert error(logits, golden["output"]) < 1e-4


def test_the_command_writes_a_checkpoint_for_a_warm_start(tmp_path):
    golden, config = load(GOLDENS / "encoder_db2_lev1_CLS.npz")
    numpy.savez(tmp_path / "params.npz", **inside(golden, "param/"))
    command = [sys.executable, "-m", "wavspa_lit.compat", str(tmp_path / "params.npz"), str(tmp_path / "official.ckpt")]
    subprocess.run(command, check=True)
    weights = torch.load(tmp_path / "official.ckpt", weights_only=True)["state_dict"]
    assert weights.keys() == dict(task_of(config).named_parameters()).keys()


def test_unknown_parameters_are_named():
    with pytest.raises(ValueError, match="Hippo_0/kernel: not a parameter of a released model"):
        convert({"Hippo_0/kernel": numpy.zeros(1)})
    with pytest.raises(ValueError, match="adawaves: not a parameter of a released block"):
        convert_block({"adawaves": numpy.zeros(1)})


@pytest.mark.parametrize("options", [{"space": "token"}, {"shared_bands": True}])
def test_the_released_block_is_for_the_wavelet_space(options):
    with pytest.raises(ValueError, match="leave compat none"):
        EncoderConfig(compat="official", **options)
