"""Exported models answer as the trained ones do: every space with every exportable attention."""

import runpy
import sys
from importlib.util import find_spec
from itertools import product

import pytest
import torch

import wavspa_lit.tasks
from wavspa_lit import export_model, load
from wavspa_lit.attention import ATTENTIONS, Attention
from wavspa_lit.errors import LengthError
from wavspa_lit.export import NEEDED, ExportError, Served, random_inputs, run

SPACES = {
    "token": {"space": "token", "positions": "rotary"},
    "fourier": {"space": "fourier"},
    "wavelet": {"wavelet": {"kind": "adaptive", "name": "db2", "level": 2}},
}
KINDS = ("softmax", "linear", "performer", "linformer")
GRID = [*product(SPACES, KINDS), ("fnet", "none")]
needs_onnx = pytest.mark.skipif(any(find_spec(name) is None for name in NEEDED), reason="needs the extra onnx")
pytestmark = pytest.mark.filterwarnings("ignore")


def build(space="wavelet", kind="softmax", name="SequenceClassification", *, facts=(), **options):
    attention = {"kind": kind, "heads": 2, "rank": 4, "options": options.pop("settings", {})}
    encoder = {"dim": 8, "layers": 1, "mlp_dim": 8, **SPACES.get(space, {"space": space}), "attention": attention}
    sizes = {"vocab_size": 11, "num_classes": 3, "max_length": 24, **dict(facts)}
    torch.manual_seed(0)
    return getattr(wavspa_lit.tasks, name)({**encoder, **options}, {}, **sizes)


@pytest.mark.parametrize(("space", "kind"), [("wavelet", "softmax"), ("token", "performer")])
def test_a_pt2_takes_any_number_of_examples(space, kind, tmp_path):
    task = build(space, kind)
    said, difference = export_model(task, tmp_path / "m.pt2", length=17, batch="dynamic")
    assert said == "tokens (batch, 17) int64 and mask, to (batch, 3)" and difference < 1e-6
    module = torch.export.load(tmp_path / "m.pt2").module()
    for batch in (1, 5):
        tokens, mask = random_inputs(task, batch, 17, seed=9)
        torch.testing.assert_close(module(tokens, mask), task.eval()({"tokens": tokens, "mask": mask}))
    assert [path.name for path in tmp_path.iterdir()] == ["m.pt2"] and task.scores


@needs_onnx
@pytest.mark.parametrize(("space", "kind"), [("fourier", "linear"), ("fnet", "none")])
def test_an_onnx_file_runs_under_onnxruntime(space, kind, tmp_path):
    said, difference = export_model(build(space, kind), tmp_path / "m.onnx", length=9, batch="dynamic")
    assert said.startswith("tokens (batch, 9)") and difference < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("length", [24, 17])
@pytest.mark.parametrize("kind_of_file", ["pt2", pytest.param("onnx", marks=needs_onnx)])
@pytest.mark.parametrize(("space", "kind"), GRID)
def test_every_pair_is_exported(space, kind, kind_of_file, length, tmp_path):
    """Files for any number of examples are tried with 1, 2 and 5."""
    path = tmp_path / f"m.{kind_of_file}"
    assert export_model(build(space, kind), path, length=length, batch="dynamic")[1] < 1e-5


OTHERS = [
    ("wavelet", {"wavelet": {"kind": "orthogonal", "name": "db4", "level": 2, "per_level": True, "packets": True}}),
    ("wavelet", {"wavelet": {"kind": "adaptive_lifting", "name": "db2", "level": 2}}),
    ("wavelet", {"wavelet": {"kind": "fixed", "name": "bior2.2", "level": 1, "mode": "symmetric"}}),
    ("wavelet", {"bands": "shared", "positions": "rotary"}),
    ("token", {"positions": "learned", "share_layers": True, "loops": 2}),
    ("token", {"positions": "alibi"}),
    ("token", {"positions": "randomized", "max_position": 64}),
]


@pytest.mark.slow
@pytest.mark.parametrize("kind_of_file", ["pt2", pytest.param("onnx", marks=needs_onnx)])
@pytest.mark.parametrize(("space", "options"), OTHERS)
def test_other_settings_are_exported(space, options, kind_of_file, tmp_path):
    task = build(space, **options)
    assert export_model(task, tmp_path / f"m.{kind_of_file}", length=17, batch="dynamic")[1] < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("kind_of_file", ["pt2", pytest.param("onnx", marks=needs_onnx)])
@pytest.mark.parametrize("kind", sorted(ATTENTIONS.keys() - {*KINDS, "none"}))
def test_other_attentions_are_exported(kind, kind_of_file, tmp_path):
    sizes = {"kind": kind, "heads": 2, "window": 4, "block_size": 4, "landmarks": 3, "global_tokens": 1}
    task = build("token", attention=sizes)
    # The inner norms of performer_relu blow round-off up.
    assert export_model(task, tmp_path / f"m.{kind_of_file}", length=17, batch="dynamic")[1] < 1e-4


@pytest.mark.parametrize(
    ("name", "facts", "said"),
    [
        ("SequenceMatching", {}, "tokens (2, 2, 24) int64 and mask, to (2, 3)"),
        ("SequenceRegression", {"channels": 2}, "features (2, 24, 2) float32 and mask, to (2, 3)"),
        ("TokenClassification", {"vocab_size": 0}, "tokens (2, 24) float32 and mask, to (2, 24, 3)"),
        ("MaskedPretraining", {}, "tokens (2, 24) int64 and mask, to (2, 24, 11)"),
    ],
)
def test_every_task_says_what_it_takes_and_answers(name, facts, said, tmp_path):
    task = build("token", name=name, facts=facts)
    assert export_model(task, tmp_path / "m.pt2", batch=2)[0] == said


def test_filters_are_constants_of_the_exported_model_and_answer_in_bits():
    task = build(wavelet={"kind": "orthogonal", "name": "db4", "level": 2})
    served, inputs = Served(task), random_inputs(task, 3, 24)
    assert not any("angles" in name for name, _ in served.named_parameters())
    assert torch.equal(served(*inputs), task.eval()({"tokens": inputs[0], "mask": inputs[1]}))


class Remembering(Attention):
    """Adds the number of its calls, which an exported model cannot know."""

    calls = 0

    def attend(self, q, k, v, mask):
        """See `Attention.attend`."""
        type(self).calls += 1
        return v + type(self).calls


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path):
    task = build("token", f"{__name__}.Remembering")
    (tmp_path / "m.pt2").write_text("older")
    with pytest.raises(ExportError, match=r"m\.pt2 is not kept: its answers differ from the model's by up to"):
        export_model(task, tmp_path / "m.pt2", length=9)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["older"]


class Asking(Attention):
    """Looks at values, which no exporter can follow."""

    def attend(self, q, k, v, mask):
        """See `Attention.attend`."""
        return v if float(v.sum()) > 0 else q


def test_what_cannot_be_exported_is_told_in_a_line(tmp_path):
    with pytest.raises(ExportError, match=r"space token with attention .*Asking cannot be exported to \.pt2: "):
        export_model(build("token", f"{__name__}.Asking"), tmp_path / "m.pt2", length=9)
    with pytest.raises(LengthError, match="learned positions cover 24"):
        export_model(build("token", positions="learned"), tmp_path / "m.pt2", length=25)
    with pytest.raises(ExportError, match=r"must end with \.pt2 or \.onnx"):
        export_model(build(), tmp_path / "m.pt")
    with pytest.raises(ExportError, match="at least 1, got 0"):
        export_model(build(), tmp_path / "m.pt2", length=0)
    assert not list(tmp_path.iterdir())


@needs_onnx
def test_a_shipped_model_is_exported_and_served_by_fifteen_lines(configs, tmp_path, capsys, monkeypatch):
    trained = configs.parent / "checkpoints" / "lego-ada"
    run(["--ckpt_path", str(trained), "--output", str(tmp_path / "m.onnx"), "--length", "12"])
    assert "m.onnx: TokenReasoning from tokens (1, 12) int64 and mask" in capsys.readouterr().out
    model, words = load(trained), [3, 1, 2, 4, 5]
    expected = model({"tokens": torch.tensor([words])})[0].argmax(-1)
    example = configs.parent / "examples" / "serve_onnx.py"
    assert len(example.read_text().splitlines()) <= 15
    monkeypatch.setattr(sys, "argv", ["serve_onnx.py", str(tmp_path / "m.onnx"), *map(str, words)])
    found = runpy.run_path(str(example))["logits"][0].argmax(-1)[: len(words)]
    assert found.tolist() == expected.tolist()


def test_mistakes_end_in_a_line(tmp_path, capsys, configs):
    for arguments, message in (
        (["--ckpt_path", "nothing.ckpt", "--output", "m.pt2"], "nothing.ckpt: no such file"),
        (["--ckpt_path", str(configs.parent / "checkpoints" / "lego-ada"), "--output", "m.txt"], "must end with .pt2"),
    ):
        with pytest.raises(SystemExit) as stop:
            run(arguments)
        error = capsys.readouterr().err
        assert stop.value.code == 2 and message in error and error.count("\n") == 1


def test_a_batch_is_a_number_or_dynamic(capsys):
    with pytest.raises(SystemExit):
        run(["--ckpt_path", "r", "--output", "m.pt2", "--batch", "many"])
    assert "argument --batch: 'many' is no number of examples; give one, or dynamic" in capsys.readouterr().err
