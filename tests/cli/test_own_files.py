"""Tables of the user's own, from the command line: fit, predict, test, info."""

import csv
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

import datamodules.commands
from datamodules.errors import DataError
from datamodules.files.commands import histogram
from wavspa_lit.cli import main, run

QUICK = [
    *("--trainer.max_steps", "2", "--trainer.val_check_interval", "2", "--trainer.accelerator", "cpu"),
    *("--trainer.enable_progress_bar", "false", "--model.encoder.dim", "16", "--model.encoder.layers", "1"),
]
pytestmark = pytest.mark.filterwarnings("ignore:level=1 is too deep", "ignore:.*test sequences are longer")


@pytest.fixture
def table(tmp_path):
    rows = "".join(
        f'"{"red blue"[: 3 + number % 5]}, {number}",{"warm" if number % 2 else "cold"}\n' for number in range(60)
    )
    (tmp_path / "mine.csv").write_text(f"text,label\n{rows}")
    return "mine.csv"


def test_a_table_is_enough_to_train_and_its_run_to_predict(table, tmp_path):
    run(["fit", "-c", "files", "--data.train", table, "--data.encoding", "words", "--run", "r", *QUICK])
    (tmp_path / table).unlink()
    (tmp_path / "new.tsv").write_text("name\ttext\nx\tred, 1\ny\tnever seen\n")
    run(["predict", "--ckpt_path", "r/checkpoints/best.ckpt", "--inputs", "new.tsv", "--output", "out.csv"])
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["x", "y"] and {row["class"] for row in rows} <= {"cold", "warm"}


def test_learned_positions_take_the_longest_sequence_of_a_table(table):
    cli = run(["fit", "-c", "files", "--data.train", table, "--model.encoder.positions", "learned", *QUICK])
    assert cli.datamodule.max_length == cli.datamodule.batch_lengths[-1] == 11


def test_a_tokenizer_travels_with_the_run(table, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"red": 0, "blue": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save("tokens.json")
    run(["fit", "-c", "files", "--data.train", table, "--data.tokenizer", "tokens.json", "--run", "r", *QUICK])
    (tmp_path / "tokens.json").unlink()
    tested = run(["predict", "--ckpt_path", "r/checkpoints/best.ckpt", "--inputs", table, "--output", "out.csv"])
    assert tested.datamodule.vocab_size == 4 and len((tmp_path / "out.csv").read_text().splitlines()) == 61


def test_other_rows_are_tested_in_the_classes_of_the_training(table, tmp_path, refused):
    cli = run(["fit", "-c", "files", "--data.train", table, "--run", "r", *QUICK])
    (tmp_path / "other.csv").write_text("text,label\n" + "red,warm\n" * 5)
    command = ["test", "--ckpt_path", "r/checkpoints/best.ckpt", "--data.test", "other.csv", "--other_data"]
    tested = run([*command, "--trainer.accelerator", "cpu"])
    assert tested.datamodule.class_names == cli.datamodule.class_names == ("cold", "warm")
    assert tested.trainer.callback_metrics["test/chance"] == 1


def test_what_cannot_be_read_ends_in_a_line_with_file_row_and_column(table, monkeypatch, capsys):
    monkeypatch.setattr(
        "sys.argv", ["wavspa", "fit", "-c", "files", "--data.train", table, "--data.target", "regression"]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr().err
    assert stop.value.code == 1 and said.count("\n") == 1
    assert said.startswith("error: mine.csv, row 1 (line 2), column 'label': expected a number")


def test_a_run_finds_its_files_from_another_folder(table, tmp_path, monkeypatch):
    run(["fit", "-c", "files", "--data.train", table, "--run", "r", *QUICK])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.warns(UserWarning, match=r"mine\.csv is not here; the training's own is taken"):
        run(["test", "--ckpt_path", "../r/checkpoints/best.ckpt", "--trainer.accelerator", "cpu"])


def test_a_training_resumes_with_balanced_classes(table):
    command = ["fit", "-c", "files", "--data.train", table, "--data.sampling", "balanced", *QUICK]
    whole = run([*command, "--run", "whole", "--trainer.max_steps", "4"])
    run([*command, "--run", "parts", "--model.optimizer.total_steps", "4"])
    again = run([*command, "--run", "parts", "--resume", "--trainer.max_steps", "4"])
    for name, value in whole.model.state_dict().items():
        assert value.equal(again.model.state_dict()[name]), name


def test_info_tells_lengths_classes_and_memory(table, capsys):
    assert datamodules.commands.run(["info", "files", "--train", table, "--max_length", "8", "--dim", "32"]) == 0
    said = capsys.readouterr().out
    for part in (
        "train: 48 examples of mine.csv",
        "###",
        "0  cold: 24",
        "cut off after 8 positions",
        "12 x 32 + 3 x 128",
    ):
        assert part in said
    assert datamodules.commands.run(["info", "files", "--train", "nowhere.csv"]) == 1
    assert "error: --train nowhere.csv: no such file" in capsys.readouterr().err


def test_info_of_files_needs_no_lightning(table):
    """Without it the command takes half the memory, and starts in half the time."""
    code = (
        f"import sys\nfrom wavspa_lit.__main__ import _run\n_run(['data', 'info', 'files', '--train', {table!r}])\n"
        "print([name for name in sys.modules if 'lightning' in name])"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()
    assert said[0].startswith("train: 48 examples") and said[-1] == "[]"


TARGETS = {
    "SequenceRegression": ("regression", [0.5, 2], []),
    "MultilabelClassification": ("multilabel", ["red;blue", "blue"], []),
    "TokenClassification": ("token", ["N V", "V N"], ["--data.encoding", "words"]),
    "SequenceMatching": ("class", ["same", "other"], ["--data.text2", "text2"]),
}


@pytest.mark.parametrize("task", TARGETS)
def test_every_sort_of_label_is_trained_and_predicted(task, tmp_path):
    target, labels, more = TARGETS[task]
    rows = "".join(f"red {number},blue {number},{label}\n" for number in range(20) for label in labels)
    (tmp_path / "mine.csv").write_text(f"text,text2,label\n{rows}")
    more = [*more, "--model", task, "--data.target", target]
    run(["fit", "-c", "files", "--data.train", "mine.csv", *more, "--run", "r", *QUICK])
    (tmp_path / "new.csv").write_text("name,text,text2\none,red 7,blue 7\n")
    run(["predict", "--ckpt_path", "r/checkpoints/last.ckpt", "--inputs", "new.csv", "--output", "out.csv"])
    with (tmp_path / "out.csv").open() as file:
        assert {row["name"] for row in csv.DictReader(file)} == {"one"}


@pytest.fixture
def page():
    """The commands of a section of docs/files.md, as lists of words."""
    text = (Path(__file__).parents[2] / "docs" / "files.md").read_text()

    def commands(section):
        part = text.split(f"## Example: {section}")[1].split("\n## ")[0]
        exec(program[1], {}) if (program := re.search(r"```python\n(.*?)```", part, re.DOTALL)) else None
        vowels = re.search(r"VOWELS=(\S+)", part)
        lines = re.findall(r"^wavspa (.*)$", part, re.MULTILINE)
        return [line.replace("${VOWELS}", vowels[1] if vowels else "").split() for line in lines]

    return commands


def test_the_example_of_text_runs_as_written(page):
    pytest.importorskip("babel")
    fit, test = page("the language of a name")
    cli = run([*fit, *QUICK])
    assert cli.datamodule.num_classes == 12 and len(cli.datamodule.dataset("train")) > 2000
    assert "test/acc" in run([*test, "--trainer.accelerator", "cpu"]).trainer.callback_metrics


def test_the_example_of_a_series_runs_as_written(page, tmp_path):
    """On made-up series in the format of the real ones, which are not here."""
    _, fit, test = page("who speaks")
    draw = random.Random(0)
    for part in ("train", "test"):
        file = tmp_path / fit[fit.index(f"--data.{part}") + 1]
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = ["@problemName JapaneseVowels", "@univariate false", "@classLabel true 1 2 3 4 5 6 7 8 9", "@data"]
        for number in range(90):
            steps = draw.randint(7, 29)
            channels = (",".join(f"{draw.gauss(0, 1):.4f}" for _ in range(steps)) for _ in range(12))
            lines.append(":".join([*channels, str(number % 9 + 1)]))
        file.write_text("\n".join(lines))
    cli = run([*fit, *QUICK])
    assert cli.datamodule.channels == 12 and len(cli.datamodule.dataset("train")) == 81
    assert "test/acc" in run([*test, "--trainer.accelerator", "cpu"]).trainer.callback_metrics


def test_a_histogram_counts_every_length_once():
    lengths = numpy.array([3, 3, 4, 25, 12])
    lines = histogram(lengths)
    ranges = [tuple(map(int, re.findall(r"\d+", line))) for line in lines]
    assert ranges[0] == (3, 5, 3) and ranges[-1] == (24, 26, 1) and sum(count for _, _, count in ranges) == 5
    assert [histogram(numpy.array([7, 7]))[0].split()[:4]] == [["7", "to", "7", "2"]]


def test_the_estimate_of_memory_is_what_is_kept_for_the_backward_pass(table):
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    from datamodules import Files
    from datamodules.files.commands import estimate
    from wavspa_lit import Encoder
    from wavspa_lit.nn.cost import training_cost

    data = Files(table, max_length=512, batch_size=64)
    wavelet = {"kind": "adaptive", "name": "db4", "level": 1}
    for dim, mlp_dim in ((64, 128), (128, 512), (256, 256)):
        said = estimate(data, dim, 2, mlp_dim)
        block = Encoder({"dim": dim, "mlp_dim": mlp_dim, "wavelet": wavelet}, vocab_size=9).blocks[0]
        with FakeTensorMode(allow_non_fake_inputs=True):
            _, kept = training_cost(block, torch.zeros(1, 512, dim, requires_grad=True))
        told = int(re.search(r"= ([\d,]+) MiB", said)[1].replace(",", ""))
        assert told == pytest.approx(2 * 64 * kept / 2**20, rel=0.08)


def test_what_is_held_out_stays_so(table):
    """Otherwise a resumed training would learn the rows that it is tested with."""
    run(["fit", "-c", "files", "--data.train", table, "--run", "r", *QUICK])
    resume, test = ["fit", "--run", "r", "--resume"], ["test", "--ckpt_path", "r/checkpoints/last.ckpt"]
    for command, name, value, said in (
        (resume, "seed", "3", "data.seed 3: the checkpoint's is 0"),
        (test, "seed", "3", "data.seed 3: the checkpoint's is 0"),
        (resume, "val_fraction", "0.2", "data.val_fraction 0.2: the checkpoint's is 0.1"),
        (resume, "label", "text", "data.label ['text']: the checkpoint's is ['label']"),
    ):
        with pytest.raises(DataError, match=re.escape(said)):
            run([*command, f"--data.{name}", value])
    run([*test, "--data.seed", "3", "--other_data"])


def test_predictions_have_the_numbers_of_their_rows(table, tmp_path):
    run(["fit", "-c", "files", "--data.train", table, "--run", "r", *QUICK])
    (tmp_path / "new.csv").write_text("text,label\nred,warm\n,warm\nblue,cold\n")
    command = ["predict", "--ckpt_path", "r/checkpoints/best.ckpt", "--inputs", "new.csv", "--output", "out.csv"]
    with pytest.warns(UserWarning, match="new.csv: 1 of 3 rows have an empty sequence and are skipped"):
        run([*command, "--data.skip_empty", "true", "--other_data"])
    with (tmp_path / "out.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["1", "3"]
