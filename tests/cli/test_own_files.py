"""Tables of the user's own, from the command line: fit, predict, test, info."""

import csv

import pytest

import datamodules.commands
from wavspa_lit.cli import run

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


def test_other_rows_are_tested_in_the_classes_of_the_training(table, tmp_path, refused):
    cli = run(["fit", "-c", "files", "--data.train", table, "--run", "r", *QUICK])
    (tmp_path / "other.csv").write_text("text,label\n" + "red,warm\n" * 5)
    command = ["test", "--ckpt_path", "r/checkpoints/best.ckpt", "--data.test", "other.csv", "--other_data"]
    tested = run([*command, "--trainer.accelerator", "cpu"])
    assert tested.datamodule.class_names == cli.datamodule.class_names == ("cold", "warm")
    assert tested.trainer.callback_metrics["test/chance"] == 1


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


def test_the_estimate_of_memory_is_what_is_kept_for_the_backward_pass(table):
    import re

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
