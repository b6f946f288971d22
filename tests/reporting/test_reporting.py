import json
import sys

import pytest

from wavspa_lit.nn import EncoderConfig
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.reporting import curves, runs, table
from wavspa_lit.reporting.describe import describe
from wavspa_lit.tasks import SequenceClassification


def test_results_are_merged_by_stage(tmp_path):
    runs.write_results(tmp_path / "r", "fit", {"steps": 3})
    runs.write_results(tmp_path / "r", "test", {"test/acc": 0.5})
    runs.write_results(tmp_path / "r", "test", {"test/acc": 0.75})
    assert runs.read_results(tmp_path / "r") == {"fit": {"steps": 3}, "test": {"test/acc": 0.75}}
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["results.json"]


def test_new_runs_never_take_a_taken_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = []
    for _ in range(3):
        run = runs.new_run("listops", "adaptive")
        run.mkdir(parents=True)
        names.append(str(run))
    assert names == ["runs/listops/adaptive", "runs/listops/adaptive-2", "runs/listops/adaptive-3"]


def test_table_shows_what_was_measured(tmp_path):
    test = {"parameters": 1234, "test/acc": 0.5, "test/chance": 0.25}
    runs.write_results(tmp_path / "a", "fit", {"steps": 10, "seconds": 2.6})
    runs.write_results(tmp_path / "a", "test", test)
    text = table.render(table.rows([tmp_path / "a"]))
    head, _, row = (line.strip("| ").split() for line in text.splitlines())
    assert head == ["run", "|", "accuracy", "|", "chance", "|", "parameters", "|", "steps", "|", "seconds"]
    assert [cell for cell in row if cell not in "|%"] == ["a", "50.0", "25.0", "1,234", "10", "3"]


def test_an_untested_run_is_refused_with_the_command(tmp_path):
    runs.write_results(tmp_path, "fit", {"steps": 1})
    with pytest.raises(ValueError, match="wavspa test --ckpt_path"):
        table.rows([tmp_path])


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
