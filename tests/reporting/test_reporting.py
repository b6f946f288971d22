import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from wavspa_lit.files import replacing
from wavspa_lit.nn import EncoderConfig
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.reporting import charts, curves, pictures, runs, table
from wavspa_lit.reporting.describe import describe
from wavspa_lit.tasks import SequenceClassification


def test_results_are_merged_by_stage(tmp_path):
    runs.write_results(tmp_path / "r", "fit", {"steps": 3})
    runs.write_results(tmp_path / "r", "test", {"test/acc": 0.5})
    runs.write_results(tmp_path / "r", "test", {"test/acc": 0.75})
    assert runs.read_results(tmp_path / "r") == {"fit": {"steps": 3}, "test": {"test/acc": 0.75}}
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["results.json"]


def test_runs_that_start_at_once_get_directories_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: runs.new_run("listops", "adaptive"), range(24)))
    names = ["adaptive", *(f"adaptive-{number}" for number in range(2, 25))]
    assert sorted(map(str, found)) == sorted(f"runs/listops/{name}" for name in names)
    assert all(path.is_dir() for path in found)


@pytest.mark.parametrize("content", ['{"fit": {', "[1]", '{"fit": 3}', "\xff\xfe"])
def test_unreadable_results_are_reported_and_lose_nothing(tmp_path, content):
    (tmp_path / "results.json").write_text(content, encoding="latin-1")
    with pytest.warns(UserWarning, match="cannot be read, and is left out"):
        runs.write_results(tmp_path, "test", {"test/acc": 0.5})
    assert runs.read_results(tmp_path) == {"test": {"test/acc": 0.5}}
    assert (tmp_path / "results.json.unreadable").read_text(encoding="latin-1") == content


def test_results_that_are_written_at_once_are_all_kept(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: runs.write_results(tmp_path, f"stage{number}", {"n": number}), range(24)))
    assert runs.read_results(tmp_path) == {f"stage{number}": {"n": number} for number in range(24)}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(OSError, match="full"), replacing(tmp_path / "file") as file:
        file.write("new")
        raise OSError("the disk is full")
    assert (tmp_path / "file").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_the_run_of_a_checkpoint_is_found_by_any_name(tmp_path, monkeypatch):
    run = tmp_path / "r"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").touch()
    (run / "checkpoints" / "best.ckpt").touch()
    (tmp_path / "link.ckpt").symlink_to("r/checkpoints/best.ckpt")
    (tmp_path / "linked").symlink_to("r")
    monkeypatch.chdir(run / "checkpoints")
    assert runs.run_of("best.ckpt") == runs.run_of("../../link.ckpt") == run
    assert runs.run_of(tmp_path / "linked" / "checkpoints" / "best.ckpt") == tmp_path / "linked"
    (tmp_path / "alone.ckpt").touch()
    assert runs.run_of(tmp_path / "alone.ckpt") == tmp_path


def config(data="datamodules.Lego", task=None, kind="adaptive", space="wavelet", attention="softmax", model="Task"):
    encoder = {"space": space, "wavelet": {"kind": kind}, "attention": {"kind": attention}}
    arguments = {} if task is None else {"task": task}
    return {
        "data": {"class_path": data, "init_args": arguments},
        "model": {"class_path": model, "init_args": {"encoder": encoder}},
    }


def test_runs_are_named_by_what_tells_them_apart():
    assert runs.names_of(config()) == ("lego", "adaptive")
    assert runs.names_of(config(space="token", attention="performer")) == ("lego", "token-performer")
    assert runs.names_of(config("datamodules.ChomskyHierarchy", "sort")) == ("chomskyhierarchy-sort", "adaptive")
    assert runs.names_of(config(model="wavspa_lit.tasks.MaskedPretraining")) == ("lego-pretraining", "adaptive")
    path_x = config("datamodules.Pathfinder")
    path_x["data"]["init_args"]["resolution"] = 128
    assert runs.names_of(path_x) == ("pathfinder-128", "adaptive")


def test_the_latest_run_is_one_of_the_same_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, attention in (("adaptive", "softmax"), ("adaptive-2", "performer"), ("adaptive-3", None)):
        (tmp_path / "runs" / "lego" / name).mkdir(parents=True)
        if attention:  # named as older versions did it
            (tmp_path / "runs" / "lego" / name / "config.yaml").write_text(json.dumps(config(attention=attention)))
    assert runs.latest_run("lego", "adaptive") == Path("runs/lego/adaptive-3")
    assert runs.latest_run("lego", "adaptive-performer") == Path("runs/lego/adaptive-2")
    assert runs.new_run("lego", "adaptive-performer") == Path("runs/lego/adaptive-performer")
    assert runs.latest_run("lego", "adaptive-linear") is None
    (tmp_path / "runs" / "lego" / "adaptive-3").rmdir()
    assert runs.latest_run("lego", "adaptive") == Path("runs/lego/adaptive")


def test_table_shows_what_was_measured(tmp_path):
    test = {"parameters": 1234, "test/acc": 0.5, "test/chance": 0.25}
    runs.write_results(tmp_path / "a", "fit", {"steps": 10, "seconds": 2.6})
    runs.write_results(tmp_path / "a", "test", test)
    text = table.render(table.rows([tmp_path / "a"]))
    head, _, row = (line.strip("| ").split() for line in text.splitlines())
    assert head == ["run", "|", "accuracy", "|", "chance", "|", "parameters", "|", "steps", "|", "seconds"]
    assert [cell for cell in row if cell not in "|%"] == ["a", "50.0", "25.0", "1,234", "10", "3"]


def test_an_untested_run_is_left_out_with_the_command(tmp_path):
    runs.write_results(tmp_path, "fit", {"steps": 1})
    with pytest.warns(UserWarning, match="is left out: it has no test results; run: wavspa test --ckpt_path"):
        assert table.rows([tmp_path]) == []


def test_seeds_become_one_curve(tmp_path, monkeypatch, capsys):
    for seed, accuracy in ((0, 0.5), (1, 0.7)):
        groups = {f"test/acc_by_position/{p}": accuracy for p in (1, 2, 10)}
        results = {**groups, "test/acc": accuracy, "test/chance": 0.5, "trained_values": [1, 2]}
        runs.write_results(tmp_path / f"ada-seed{seed}", "test", results)
    name, curve = curves.curve_of(json.loads((tmp_path / "ada-seed1" / "results.json").read_text())["test"])
    assert (name, curve) == ("position", {1: 0.7, 2: 0.7, 10: 0.7})
    picture = tmp_path / "curves.png"
    monkeypatch.setattr(sys, "argv", ["curves", str(picture), *map(str, sorted(tmp_path.glob("ada-*")))])
    curves.main()
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "| ada | 60.0 (50-70) | 60.0 (50-70) | 60.0 (50-70) |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("named", "message"),
    [(["short", "long"], "long does not report the lengths"), (["absent"], "absent has no test results")],
)
def test_runs_that_cannot_be_compared_are_refused(named, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, lengths in (("short", (1, 2)), ("long", (1, 2, 3))):
        results = {f"test/acc_by_length/{length}": 0.5 for length in lengths}
        runs.write_results(name, "test", {**results, "test/acc": 0.5, "test/chance": 0.5})
    monkeypatch.setattr(sys, "argv", ["curves", "curves.png", *named])
    with pytest.raises(SystemExit):
        curves.main()
    assert message in capsys.readouterr().err and not (tmp_path / "curves.png").exists()


@pytest.mark.parametrize(("classes", "names"), [(2, ["no", "yes"]), (12, []), (40, ["a long name"] * 40)])
def test_pictures_are_whole_numbers_of_cards_wide(classes, names):
    """TensorBoard would leave columns out of others, and with them the strokes of letters."""
    picture = pictures.draw_confusion(torch.ones(classes, classes), names)
    assert picture.shape[1] % charts.CARD == 0 and picture.shape[1] >= 300
    figure = curves.draw_curves({"ada": [{1: 0.5, 2: 0.6}]}, "length")
    assert pictures.pixels(figure).shape[1:] == (charts.CARD, 4)


def test_letters_shrink_to_their_space():
    assert charts.fitting(["ab"], 1000, 20).size == 20
    small = charts.fitting(["a long name", "x"], 40, 20)
    assert small.size < 20 and small.getlength("a long name") <= 40


@pytest.mark.parametrize(
    ("values", "trained", "shaded"), [((1, 2, 3), (1, 2), (0.5, 2.5)), ((100, 200), (100,), (50, 150))]
)
def test_the_trained_range_is_shaded_half_the_way_to_its_neighbours(values, trained, shaded):
    figure = curves.draw_curves({"ada": [dict.fromkeys(values, 0.5)]}, "length", trained)
    box = figure.axes[0].patches[0].get_extents().transformed(figure.axes[0].transData.inverted())
    assert (box.x0, box.x1) == pytest.approx(shaded)


def test_the_mean_is_drawn():
    figure = curves.draw_curves({"ada": [{1: 0.5, 2: 0.6}, {1: 0.7, 2: 0.8}]}, "length", [1], 0.5)
    line = figure.axes[0].lines[0]
    assert line.get_xydata().tolist() == [[1, pytest.approx(0.6)], [2, pytest.approx(0.7)]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_describe_needs_no_data_on_a_gpu_either():
    task = SequenceClassification(
        EncoderConfig(dim=16, layers=1), OptimizerConfig(), vocab_size=9, num_classes=2, max_length=64
    )
    assert describe(task.cuda(), 64) == describe(task.cpu(), 64)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_describe_counts_what_the_model_has_and_does(checkpointing):
    dim, mlp, length = 32, 64, 257
    config = EncoderConfig(
        dim=dim, mlp_dim=mlp, layers=2, space="token", positions="learned", activation_checkpointing=checkpointing
    )
    task = SequenceClassification(
        config, OptimizerConfig(), "cls", vocab_size=20, num_classes=10, max_length=length - 1
    )
    text = describe(task, length - 1)
    numbers = {line[:11].strip(): line[11:].split() for line in text.splitlines()}
    parameters = [int(numbers[row][0]) for row in ("embedding", "norm", "head", "all")]
    blocks = [int(numbers[f"block {i}"][1]) for i in range(2)]
    assert sum(parameters[:3]) + sum(blocks) == parameters[3] == sum(p.numel() for p in task.parameters())
    projections, attention, hidden = 8 * length * dim**2, 4 * length**2 * dim, 4 * length * dim * mlp
    assert numbers["block 0"][2] == f"{(projections + attention + hidden) / 1e6:.2f}"
    if checkpointing:
        assert numbers["block 0"][3] == f"{4 * length * dim / 2**20:.2f}"
