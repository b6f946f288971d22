"""Names from a fixed set, wherever an object is built; settings that nothing reads; settings under earlier names."""

import importlib
import pkgutil
import re
import warnings
from dataclasses import fields, is_dataclass
from typing import get_type_hints

import pytest
import torch
from torch import nn

import wavspa_lit
from wavspa_lit.attention import AttentionConfig, SoftmaxAttention
from wavspa_lit.choices import find_class, imports, names_of, settings_of
from wavspa_lit.nn import ClassificationHead, Encoder, EncoderConfig, MatchingHead, WaveletAttention
from wavspa_lit.nn.heads import pool
from wavspa_lit.optim import OptimizerConfig, schedule_factor
from wavspa_lit.renamed import renamed_everywhere, renamed_flags
from wavspa_lit.speed import choose_speed
from wavspa_lit.wavelets import WaveletConfig, wavedec, waverec

# The command itself, and what needs triton.
NOT_IMPORTED = ("__main__", "triton_kernels", "triton_launch", "triton_samples")
MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(wavspa_lit.__path__, "wavspa_lit.")
    if not module.name.endswith(NOT_IMPORTED)
]
CONFIGS = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
]
FIELDS = [(kind, name) for kind in CONFIGS for name, hint in get_type_hints(kind).items() if names_of(hint)]
X = torch.ones(1, 8, 4)


def test_every_config_is_found():
    known = {"AttentionConfig", "EncoderConfig", "OptimizerConfig", "WaveletConfig"}
    assert {kind.__name__ for kind, _ in FIELDS} >= known


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_a_wrong_name_in_a_config_is_refused_with_the_nearest(kind, field):
    for name in names_of(get_type_hints(kind)[field]):
        wrong = name[:-1] + 2 * name[-1]
        with pytest.raises(ValueError, match=rf"\.{field} '{wrong}': did you mean {name}\? Known: .*{name}"):
            kind(**{field: wrong})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: pool(X, None, "maxx"), "pooling 'maxx': did you mean max"),
        (lambda: ClassificationHead(4, 4, 2, "meen"), "pooling 'meen': did you mean mean"),
        (lambda: ClassificationHead(4, 4, 2, "mean", "rellu"), "activation 'rellu': did you mean relu"),
        (lambda: MatchingHead(4, 4, 2, "mean", "concatt"), "interaction 'concatt': did you mean concat"),
        (lambda: MatchingHead(4, 4, 2, "mean", "concat", "rellu"), "activation 'rellu': did you mean relu"),
        (lambda: SoftmaxAttention(4, positions="rotery"), "positions 'rotery': did you mean rotary"),
        (lambda: WaveletAttention(4, positions="alibbi"), "positions 'alibbi': did you mean alibi"),
        (lambda: WaveletAttention(4, bands="shred"), "bands 'shred': did you mean shared"),
        (lambda: WaveletAttention(4, kind="adaptiv"), "wavelet.kind 'adaptiv': did you mean adaptive"),
        (lambda: WaveletAttention(4, attention="softmx"), "attention.kind 'softmx': did you mean softmax"),
        (lambda: WaveletAttention(4, windw=3), "no setting 'windw': did you mean window"),
        (lambda: wavedec(X, "db2", 1, "perodic"), "mode 'perodic': did you mean periodic"),
        (lambda: waverec([X, X], "db2", mode="zeroo"), "mode 'zeroo': did you mean zero"),
        (lambda: wavedec(X, "db2", 1, backend="trition"), "backend 'trition': did you mean triton"),
        (lambda: schedule_factor(0, "cosin", 1, 1), "schedule 'cosin': did you mean cosine"),
        (
            lambda: choose_speed("graph", on_gpu=True, training=True, few_lengths=True),
            "speed 'graph': did you mean graphs",
        ),
    ],
)
def test_a_wrong_name_elsewhere_is_refused_with_the_nearest(build, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


def test_plain_data_become_configs():
    config = EncoderConfig(wavelet={"name": "db4"}, attention={"heads": 2})
    assert config == EncoderConfig(wavelet=WaveletConfig(name="db4"), attention=AttentionConfig(heads=2))
    with pytest.raises(ValueError, match=r"wavelet has no setting 'nme': did you mean name\?"):
        EncoderConfig(wavelet={"nme": "db4"})
    with pytest.raises(TypeError, match="wavelet 'db4': expected a WaveletConfig or a dict of its settings"):
        EncoderConfig(wavelet="db4")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AttentionConfig(window=4, rank=3), "kind softmax does not read attention.rank, attention.window:"),
        (lambda: AttentionConfig("linear", dropout=0.1), "kind linear does not read attention.dropout:"),
        (lambda: WaveletConfig("lifting", mode="reflect"), "kind lifting does not read wavelet.mode:"),
        (lambda: WaveletConfig("fixed", penalty=0.1, sharing="all"), "wavelet.sharing, wavelet.penalty:"),
        (lambda: WaveletConfig("orthogonal", tied=False), "kind orthogonal does not read wavelet.tied:"),
        (lambda: WaveletConfig(random_angles=True), "kind adaptive does not read wavelet.random_angles:"),
        (lambda: EncoderConfig(max_position=99), "positions sinusoidal does not read encoder.max_position:"),
        (lambda: EncoderConfig(space="token", wavelet={"name": "db4"}), "space token does not read encoder.wavelet:"),
        (lambda: OptimizerConfig(cycle_steps=9), "schedule cosine does not read optimizer.cycle_steps:"),
    ],
)
def test_a_setting_that_nothing_reads_is_named_in_one_warning(build, message):
    with pytest.warns(UserWarning, match=message) as caught:
        build()
    assert len(caught) == 1 and caught[0].filename == __file__


@pytest.mark.parametrize("kind", [name for name in names_of(get_type_hints(AttentionConfig)["kind"]) if name != "none"])
def test_every_setting_of_a_mechanism_is_in_the_config_with_the_same_default(kind):
    config = AttentionConfig(kind)
    own = settings_of(config.mechanism) - {"dim", "positions", "stride", "max_length"}
    assert own <= {field.name for field in fields(config)}
    attention = config.mechanism(8, **({"max_length": 4} if "max_length" in settings_of(config.mechanism) else {}))
    assert isinstance(attention, nn.Module)


def test_what_is_read_is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AttentionConfig("longformer", window=4, global_tokens=1, dropout=0.1, bias=True, head_dim=3)
        WaveletConfig("orthogonal", random_angles=True, low_pass=True, sharing="all", mode="zero", per_level=True)
        WaveletConfig("adaptive", "bior2.2", tied=False, penalty=0.1)
        EncoderConfig(positions="randomized", max_position=99)
        OptimizerConfig(schedule="cosine_cycles", cycle_steps=9)


def test_classes_of_other_packages_are_imported_only_where_that_is_allowed(tmp_path, monkeypatch):
    (tmp_path / "unseen.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\nfrom torch.nn import Identity\n")
    monkeypatch.syspath_prepend(tmp_path)
    with imports(False), pytest.raises(ValueError, match="with --trust it would be imported"):
        find_class("attention.kind", "unseen.Identity", {}, nn.Module)
    assert not (tmp_path / "owned").exists()
    assert find_class("attention.kind", "unseen.Identity", {}, nn.Module) is nn.Identity
    with imports(False):  # now it is there already
        assert find_class("attention.kind", "unseen.Identity", {}, nn.Module) is nn.Identity
    for path, message in (("no.such.Class", "No module named 'no'"), ("torch.optim.Adam", "derives from Module")):
        with pytest.raises(ValueError, match=message):
            find_class("attention.kind", path, {}, nn.Module)


def test_settings_under_their_earlier_names_say_the_new_one():
    with pytest.warns(UserWarning, match=r"encoder.joint_bands has a new name: encoder.bands, here joint"):
        plain = renamed_everywhere({"model": {"encoder": {"joint_bands": True, "shared_bands": False, "dim": 8}}})
    assert plain == {"model": {"encoder": {"bands": "joint", "dim": 8}}}
    with pytest.warns(UserWarning, match=r"encoder.backward has a new name: encoder.synthesis, here false"):
        flags = renamed_flags(["fit", "--model.encoder.backward", "false", "--model.encoder.shared_bands=true"])
    assert flags == ["fit", "--model.encoder.synthesis=false", "--model.encoder.bands=shared"]
    with warnings.catch_warnings():  # a saved config has every setting, which nobody wrote
        warnings.simplefilter("error")
        old = {"encoder": {"shared_bands": False, "joint_bands": False, "backward": True}}
        assert renamed_everywhere(old) == {"encoder": {"bands": "separate", "synthesis": True}}
        assert renamed_everywhere({"encoder": {"shared_bands": False, "bands": "joint"}}) == {
            "encoder": {"bands": "joint"}
        }


@pytest.mark.parametrize(
    "build,message",
    [
        (lambda: EncoderConfig(copy_gate="no"), "encoder.copy_gate 'no': expected true or false"),
        (lambda: EncoderConfig(dim="64"), "encoder.dim '64': expected a whole number"),
        (lambda: EncoderConfig(dim=64.5), "encoder.dim 64.5: expected a whole number"),
        (lambda: EncoderConfig(dropout=None), "encoder.dropout None: expected a number"),
        (lambda: WaveletConfig(level="auto"), "wavelet.level 'auto': expected a whole number"),
        (lambda: WaveletConfig(penalty=float("nan")), "wavelet.penalty nan: expected a number"),
        (lambda: OptimizerConfig(weight_decay=float("nan")), "optimizer.weight_decay nan: expected a number"),
        (lambda: OptimizerConfig(beta1=1.5), "optimizer.beta1 must be at least 0 and below 1, got 1.5"),
        (lambda: OptimizerConfig(eps=-1.0), "optimizer.eps must not be negative, got -1.0"),
    ],
)
def test_values_of_another_kind_are_refused(build, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build()
    assert OptimizerConfig(lr=1, total_steps=None).lr == 1


@pytest.mark.parametrize(
    "build,message",
    [
        (lambda: WaveletAttention(0), "dim must be at least 1, got 0"),
        (lambda: WaveletAttention(64, level=2.5), "level 2.5: expected a whole number"),
        (lambda: Encoder(EncoderConfig(), channels=0), "channels must be at least 1, got 0"),
        (lambda: Encoder(EncoderConfig(), -1), "vocab_size must be at least 0, got -1"),
        (lambda: Encoder(EncoderConfig(), 9, -3), "max_length must be at least 1, got -3"),
    ],
)
def test_sizes_that_cannot_be_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
