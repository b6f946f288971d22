"""The released code's blocks and models, rebuilt from its parameters."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch

from wavspa_lit.attention import AttentionConfig
from wavspa_lit.nn import EncoderConfig
from wavspa_lit.official import OfficialBlock
from wavspa_lit.official.convert import convert, convert_block
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks import SequenceClassification, SequenceMatching, TokenReasoning
from wavspa_lit.wavelets import WaveletConfig, build_wavelet

GOLDENS = Path(__file__).parent / "goldens"
KINDS = {"ortho": "orthogonal", "lift": "lifting", "adalift": "adaptive_lifting"}
ATTENTIONS = {
    "transformer": "softmax",
    "linear_attention": "linear",
    "linformer": "linformer",
    "longformer": "longformer",
    "performer": "performer_relu",
}
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
        ATTENTIONS[config.get("model_type", "transformer")],
        heads=heads,
        head_dim=config["qkv_dim"] // heads,
        window=512,
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
    encoder = description(config, config["C"], config["heads"])
    block = OfficialBlock(encoder, max_length=96)
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
        meant = build_wavelet(encoder.wavelet, encoder.dim)
        meant.load_state_dict(block.space.bank.state_dict())
        block.space.bank = meant
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


def test_longformer_is_softmax_in_bands_shorter_than_its_window():
    golden, config = load(GOLDENS / "block_db2_lev1.npz")
    parameters = {}
    for path, array in inside(golden, "param/").items():
        name = path.replace("SelfAttention", "LongformerAttention")
        for part in ("query", "key", "value"):
            if f"/{part}/" in name:
                parameters[name.replace(part, f"{part}_global")] = numpy.full_like(array, numpy.nan)
                name = name.replace(part, f"{part}_sliding_window")
        parameters[name] = array
    block = OfficialBlock(description({**config, "model_type": "longformer"}, 16, 2), max_length=96)
    block.load_state_dict(convert_block(parameters))
    output = block(torch.tensor(golden["input"]), torch.tensor(golden["padding_mask"])[..., 0])
    assert error(output, golden["output"]) < 1e-4


def test_performer_has_the_relu_kernel_of_normalised_projections():
    golden, config = load(GOLDENS / "block_db2_lev1.npz")
    draw, parameters = numpy.random.default_rng(0), {}
    for path, array in inside(golden, "param/").items():
        parameters[re.sub(r"^SelfAttention_(.)", r"PerformerAttn_\1/SelfAttention_0", path)] = array
    for band, i, part in itertools.product(range(2), range(3), ("scale", "bias")):
        parameters[f"PerformerAttn_{band}/SelfAttention_0/LayerNorm_{i}/{part}"] = draw.normal(size=8)
    block = OfficialBlock(description({**config, "model_type": "performer"}, 16, 2), max_length=96)
    block.load_state_dict(convert_block(parameters))
    x, projected = draw.normal(size=(20, 16)), []
    for i, part in enumerate(("query", "key", "value")):
        y = numpy.einsum("nc,chd->nhd", x, golden[f"param/SelfAttention_1/{part}/kernel"])
        y = (y - y.mean(-1, keepdims=True)) / numpy.sqrt(y.var(-1, keepdims=True) + 1e-6)
        norm = f"PerformerAttn_1/SelfAttention_0/LayerNorm_{i}"
        projected.append(y * parameters[f"{norm}/scale"] + parameters[f"{norm}/bias"])
    q, k, v = numpy.maximum(projected[0], 0) + 1e-3, numpy.maximum(projected[1], 0) + 1e-3, projected[2]
    weights = numpy.einsum("nhd,mhd->nmh", q, k)
    mixed = numpy.einsum("nmh,mhd->nhd", weights / weights.sum(1, keepdims=True), v)
    expected = numpy.einsum("nhd,hdc->nc", mixed, golden["param/SelfAttention_1/out/kernel"])
    assert error(block.attentions[1](torch.tensor(x[None], dtype=torch.float32))[0], expected) < 1e-4


def dense(parameters, name, x):
    return x @ torch.tensor(parameters[f"{name}/kernel"]) + torch.tensor(parameters[f"{name}/bias"])


@pytest.mark.parametrize(("pooling", "interaction"), [("first", "concat"), ("ends", "nli")])
def test_pairs_are_classified_by_two_hidden_layers(pooling, interaction):
    golden, config = load(GOLDENS / "encoder_db2_lev1_MEAN.npz")
    draw = numpy.random.default_rng(0)
    heads = ("mlp", "logits")
    parameters = {
        f"encoder/{path}": array for path, array in inside(golden, "param/").items() if path.split("/")[0] not in heads
    }
    width = 16 * (4 if interaction == "nli" else 2)
    for name, shape in {"mlp": (width, 32), "mlp2": (32, 16), "logits": (16, 2)}.items():
        parameters[f"{name}/kernel"] = draw.normal(size=shape).astype("float32")
        parameters[f"{name}/bias"] = draw.normal(size=shape[1]).astype("float32")
    task = SequenceMatching(
        description(config, 16, 2, layers=2),
        OptimizerConfig(),
        pooling,
        interaction,
        vocab_size=20,
        num_classes=2,
        max_length=64,
    ).eval()
    task.load_state_dict(convert(parameters))
    tokens = torch.tensor(golden["tokens"])[:2]
    states, _ = task.encoder(tokens, tokens > 0)
    first, second = states[:, 0] + (states[:, -1] if pooling == "ends" else 0)
    features = [first, second, *((first * second, first - second) if interaction == "nli" else ())]
    hidden = dense(parameters, "mlp2", dense(parameters, "mlp", torch.cat(features)).relu()).relu()
    logits = task({"tokens": tokens[None], "mask": tokens[None] > 0})
    assert error(logits[0], dense(parameters, "logits", hidden).detach().numpy()) < 1e-4


def test_cls2_adds_the_first_and_the_last_state():
    golden, config = load(GOLDENS / "encoder_db2_lev1_MEAN.npz")
    parameters = inside(golden, "param/")
    task = task_of({**config, "classifier_pool": "ends"})
    task.load_state_dict(convert(parameters))
    tokens = torch.tensor(golden["tokens"])
    states, _ = task.encoder(tokens, tokens > 0)
    expected = dense(parameters, "logits", dense(parameters, "mlp", states[:, 0] + states[:, -1]).relu())
    assert error(task({"tokens": tokens, "mask": tokens > 0}), expected.detach().numpy()) < 1e-4


def test_learned_positions_and_heads_for_each_token_are_converted():
    golden, config = load(GOLDENS / "encoder_db2_lev1_MEAN.npz")
    parameters = {path: array for path, array in inside(golden, "param/").items() if not path.startswith("mlp")}
    del parameters["logits/bias"]
    parameters["LEGO/kernel"], parameters["LEGO/bias"] = parameters.pop("logits/kernel")[:16, :2], numpy.ones(2)
    parameters["posembed_input/pos_embedding"] = numpy.random.default_rng(0).normal(size=(1, 64, 16))
    task = TokenReasoning(
        description(config, 16, 2, layers=2, positions="learned"),
        OptimizerConfig(),
        vocab_size=20,
        num_classes=2,
        max_length=64,
    )
    task.load_state_dict(convert(parameters))
    assert torch.equal(task.head.weight, torch.tensor(parameters["LEGO/kernel"]).T)


def test_padding_in_front_hides_the_cls_token():
    golden, config = load(GOLDENS / "encoder_db2_lev1_CLS.npz")
    task = task_of(config)
    task.load_state_dict(convert(inside(golden, "param/")))
    tokens = torch.tensor(golden["tokens"])
    tokens[0, 0] = 0
    before = task({"tokens": tokens, "mask": tokens > 0})
    task.encoder.cls_token.data += 1
    change = (task({"tokens": tokens, "mask": tokens > 0}) - before).abs().amax(1)
    assert change[0] == 0
    assert (change[1:] > 1e-3).all()


def test_the_command_writes_a_checkpoint_for_a_warm_start(tmp_path):
    golden, config = load(GOLDENS / "encoder_db2_lev1_CLS.npz")
    numpy.savez(tmp_path / "params.npz", **inside(golden, "param/"))
    source, target = tmp_path / "params.npz", tmp_path / "official.ckpt"
    subprocess.run([sys.executable, "-m", "wavspa_lit.official.convert", source, target], check=True)
    weights = torch.load(target, weights_only=True)["state_dict"]
    assert weights.keys() == dict(task_of(config).named_parameters()).keys()


def test_unknown_parameters_are_named():
    with pytest.raises(ValueError, match="Hippo_0/kernel: not a parameter of a released model"):
        convert({"Hippo_0/kernel": numpy.zeros(1)})
    with pytest.raises(ValueError, match="rate: not a parameter of a released attention"):
        convert_block({"SelfAttention_0/out/kernel": numpy.zeros((2, 8, 16)), "SelfAttention_0/rate": numpy.zeros(1)})
    with pytest.raises(ValueError, match="adawaves: not a parameter of a released block"):
        convert_block({"adawaves": numpy.zeros(1)})


@pytest.mark.parametrize("options", [{"space": "token"}, {"bands": "shared"}, {"synthesis": False}])
def test_the_released_block_is_for_the_wavelet_space(options):
    with pytest.raises(ValueError, match="leave compat none"):
        EncoderConfig(compat="official", **options)
