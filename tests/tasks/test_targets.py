"""A training, its checkpoint and its predictions for every sort of label, of tokens and of features."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import labelled
import pytest
import torch
from labelled import CLASSES, Labelled
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import wavspa_lit.tasks
from wavspa_lit import build_trainer, load
from wavspa_lit.cli import run
from wavspa_lit.export import run as export

TASKS = {
    ("class", False): "SequenceClassification",
    ("class", True): "SequenceMatching",
    ("multilabel", False): "MultilabelClassification",
    ("regression", False): "SequenceRegression",
    ("token", False): "TokenClassification",
}
METRICS = {
    "SequenceClassification": ["loss", "acc", "chance"],
    "SequenceMatching": ["loss", "acc", "chance"],
    "MultilabelClassification": ["loss", "acc", "chance", "f1", "map"],
    "SequenceRegression": ["loss", "r2", "mae", "mse", "mae_by_target/price", "mae_by_target/age"],
    "TokenClassification": ["loss", "acc", "chance"],
}
ENCODER = {"dim": 16, "layers": 1, "mlp_dim": 16, "dropout": 0.0, "attention": {"heads": 2}}
FLAGS = [
    *("--model.encoder.dim", "16", "--model.encoder.layers", "1", "--model.encoder.mlp_dim", "16"),
    *("--model.encoder.attention.heads", "2", "--trainer.max_steps", "8", "--trainer.accelerator", "cpu"),
    *("--trainer.enable_progress_bar", "false", "--trainer.log_every_n_steps", "1"),
]


def build(task, data, **settings):
    kind = getattr(wavspa_lit.tasks, task)
    settings = {"encoder": ENCODER, "optimizer": {"lr": 0.01, "warmup_steps": 5}, **settings}
    return kind.for_data(data.facts, **settings)


def trainer(folder, steps, **options):
    quiet = {"enable_progress_bar": False, "accelerator": "cpu", "log_every_n_steps": 1}
    return build_trainer(folder, max_steps=steps, **{**quiet, **options})


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("target", "paired", "of_features"),
    [*((*kind, True) for kind in TASKS), ("multilabel", False, False), ("token", False, False)],
)
def test_every_sort_of_label_trains_tests_and_predicts(target, paired, of_features, tmp_path):
    name, data = TASKS[target, paired], Labelled(target, of_features, paired)
    task = build(name, data)
    fit = trainer(tmp_path / "r", 60, logger=False, check_val_every_n_epoch=5)
    fit.fit(task, data)
    (scores,) = fit.test(ckpt_path="best", datamodule=data, verbose=False)
    assert [each.removeprefix("test/") for each in scores] == METRICS[name]
    better = scores["test/r2"] > 0.1 if target == "regression" else scores["test/acc"] > scores["test/chance"]
    assert better
    if target == "regression":
        labels = data.dataset("test").tensors["labels"]
        outputs = torch.cat([each["prediction"] for each in fit.predict(task, data, ckpt_path="best")])
        errors = (outputs - labels).abs().nanmean(0).tolist()
        assert [scores[f"test/mae_by_target/{each}"] for each in data.class_names] == pytest.approx(errors, rel=1e-4)
    model = load(tmp_path / "r")
    assert type(model) is type(task) and model.class_names == data.class_names
    batch = data.dataset("test").batch(torch.arange(5).numpy())
    outputs = model(batch)
    assert outputs.shape == (*batch["labels"].shape[: 2 if target == "token" else 1], data.num_classes)
    if target == "regression":
        assert (outputs - torch.tensor([100.0, 50.0])).abs().max() < 10, "in the targets' units"
    fit.predict(model, data)
    rows = list(csv.DictReader((tmp_path / "r" / "predictions.csv").open()))
    labels = data.dataset("test").tensors["labels"]
    assert len(rows) == (int((labels >= 0).sum()) if target == "token" else len(labels))
    if target == "regression":
        assert float(rows[1]["label_price"]) == pytest.approx(float(labels[1, 0]), rel=1e-6)
        assert rows[0]["label_age"] == "" and rows[0]["prediction_age"]
    elif target == "multilabel":
        assert [int(rows[3][f"label_{each}"]) for each in data.class_names] == labels[3].tolist()
        assert all((float(row["probability_a"]) > 0.5) == (row["prediction_a"] == "1") for row in rows)
    else:
        assert {row["class"] for row in rows} <= set(data.class_names)


@pytest.mark.parametrize("of_pairs", [False, True])
def test_features_are_pretrained_and_fine_tuned(of_pairs, tmp_path):
    data = Labelled("class", of_features=True, of_pairs=of_pairs)
    task = build("MaskedPretraining", data, hidden=0.4)
    batch = data.dataset("train").batch(torch.arange(8).numpy())
    hidden = task.hide(batch)
    asked, flat = ~hidden["labels"].isnan().any(-1), batch["features"].flatten(0, -3)
    assert 0.2 < asked.sum() / hidden["mask"].sum() < 0.6 and not (asked & ~hidden["mask"]).any()
    assert torch.equal(hidden["labels"][asked], flat[asked]) and not hidden["features"][asked].any()
    assert torch.equal(hidden["features"][~asked], flat[~asked])
    fit = trainer(tmp_path / "p", 4, logger=False)
    fit.fit(task, data)
    assert {"val/r2", "val/mae", "train/mae"} <= fit.callback_metrics.keys()
    fit.predict(task, data)
    rows = list(csv.DictReader((tmp_path / "p" / "predictions.csv").open()))
    assert {"position", "label_0", "prediction_1"} <= rows[0].keys()
    model = "SequenceMatching" if of_pairs else "SequenceClassification"
    fine = build(model, data)
    said = wavspa_lit.tasks.transfer.init_from(fine, tmp_path / "p" / "checkpoints" / "last.ckpt")
    assert "start anew: head" in said


def test_targets_of_any_scale_are_learned_alike_and_their_scale_travels_in_the_checkpoint(tmp_path):
    losses = []
    for scale in (1.0, 1e4):
        data = Labelled("regression", scale=scale)
        torch.manual_seed(0)
        fit = trainer(tmp_path / str(scale), 12, logger=False, check_val_every_n_epoch=3)
        fit.fit(build("SequenceRegression", data), data)
        losses.append(float(fit.callback_metrics["val/loss"]))
        model = load(tmp_path / str(scale))
        known = torch.cat(list(data.training_labels()))
        torch.testing.assert_close(model.objective.mean, known.double().nanmean(0).float())
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
    given = build("SequenceRegression", data, target_mean=[1.0, 2.0], target_sd=[3.0, 4.0])
    given.trainer = fit
    given.setup("fit")
    assert given.objective.mean.tolist() == [1.0, 2.0] and given.hparams["target_sd"] == [3.0, 4.0]


def test_the_best_weights_and_early_stopping_go_by_the_score_of_the_task(tmp_path):
    stop = wavspa_lit.callbacks.StopEarly(patience=1)
    fit = trainer(tmp_path / "r", 12, callbacks=[stop], val_check_interval=2, check_val_every_n_epoch=None)
    fit.fit(build("SequenceRegression", Labelled("regression")), Labelled("regression"))
    best = fit.checkpoint_callbacks[0]
    assert best.monitor == stop.monitor == "val/r2" and float(best.best_model_score) > -10
    events = EventAccumulator(str(tmp_path / "r")).Reload()
    tags = {tag.split("/", 1)[1] for tag in events.Tags()["scalars"]}
    assert {"r2_best", "mae", "r2"} <= tags


def test_rare_classes_have_metrics_weights_and_a_picture(tmp_path):
    data = Labelled("class")
    task = build("SequenceClassification", data, class_weights="balanced", imbalance_metrics=True)
    fit = trainer(tmp_path / "r", 8)
    fit.fit(task, data)
    counts = torch.bincount(torch.cat(list(data.training_labels())), minlength=CLASSES)
    torch.testing.assert_close(task.objective.weights, len(data.dataset("train")) / (CLASSES * counts))
    (scores,) = fit.test(ckpt_path="last", datamodule=data, verbose=False)
    assert {"test/f1", "test/auroc"} <= scores.keys()
    assert task.confusion["test"].sum() == 64 and (tmp_path / "r" / "confusion.png").is_file()
    events = EventAccumulator(str(tmp_path / "r")).Reload()
    assert {tag.split("_", 1)[-1].split("/")[-1] for tag in events.Tags()["images"]} >= {"confusion"}
    assert load(tmp_path / "r").hparams["class_weights"] == "balanced"


@pytest.mark.parametrize("target", ["regression", "multilabel", "token"])
def test_a_training_resumes_in_bits(target, tmp_path):
    ends = []
    for stops in ((12,), (5, 12)):
        for steps in stops:
            data = Labelled(target)
            torch.manual_seed(1)
            task = build(TASKS[target, False], data, optimizer={"lr": 0.01, "total_steps": 12, "warmup_steps": 2})
            trainer(tmp_path / str(stops), steps, logger=False).fit(task, data, ckpt_path="last")
        ends.append(torch.load(tmp_path / str(stops) / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


@pytest.mark.parametrize(("target", "paired"), [*TASKS, ("regression", True)])
@pytest.mark.parametrize("name", TASKS.values())
def test_data_of_another_sort_name_the_task_that_is_for_them(name, target, paired):
    data = Labelled(target, of_pairs=paired)
    if TASKS.get((target, paired)) == name:
        build(name, data)
        return
    wanted = TASKS.get((target, paired), "one sequence for each label")
    with pytest.raises(ValueError, match=f"{name} is not for them, because .*: .*{wanted}"):
        build(name, data)


def test_the_command_line_trains_and_refuses(capsys):
    data = ["--data", "labelled.Labelled", "--data.kind", "regression", "--data.of_features", "true"]
    data += ["--data.targets", "1"]
    with pytest.raises(SystemExit):
        run(["fit", "--model", "SequenceClassification", *data, *FLAGS])
    assert "use --model SequenceRegression" in capsys.readouterr().err.splitlines()[0]
    cli = run(["fit", "--model", "SequenceRegression", *data, *FLAGS, "--run", "r"])
    assert cli.trainer.checkpoint_callbacks[0].monitor == "val/r2"
    run(["test", "--ckpt_path", "r/checkpoints/best.ckpt", "--trust"])
    test = json.loads(Path("r/results.json").read_text())["test"]
    assert test["test/mae"] > 0 and not any("by_target" in name for name in test)
    run(["predict", "--ckpt_path", "r/checkpoints/best.ckpt", "--trust"])
    assert Path("r/predictions.csv").read_text().startswith("sequence,position,label,prediction\n")


def test_files_of_ones_own_with_a_label_per_position(configs, tmp_path):
    """From a table to predictions without labels, and to a file that knows the vocabulary."""
    rows = [f"{'good bad fine ' * (n % 3 + 1)},{'A B B ' * (n % 3 + 1)}" for n in range(40)]
    (tmp_path / "mine.csv").write_text("\n".join(["text,label", *rows]))
    (tmp_path / "own.csv").write_text("text\nfine good\n")
    data = ["--data.train", "mine.csv", "--data.encoding", "words", "--data.target", "token", "--data.batch_size", "8"]
    config = ["-c", str(configs / "files.yaml"), "--trainer.val_check_interval", "4"]
    run(["fit", *config, "--model", "TokenClassification", *data, *FLAGS, "--run", "r"])
    run(["predict", "--ckpt_path", "r/checkpoints/last.ckpt", "--inputs", "own.csv", "--output", "own-answers.csv"])
    answers = list(csv.DictReader(Path("own-answers.csv").read_text().splitlines()))
    assert [answer["position"] for answer in answers] == ["0", "1"] and "label" not in answers[0]
    assert {answer["class"] for answer in answers} <= {"A", "B"}
    export(["--ckpt_path", "r", "--output", "m.pt2"])
    files = {"wavspa.json": ""}
    torch.export.load("m.pt2", extra_files=files)
    facts = json.loads(files["wavspa.json"])
    assert facts["class_names"] == ["A", "B"] and sorted(facts["data"]["vocabulary"]) == ["bad", "fine", "good"]


def test_reasoning_needs_groups():
    with pytest.raises(ValueError, match="use --model TokenClassification"):
        build("TokenReasoning", Labelled("token"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "settings"),
    [
        ("class", ["--model.imbalance_metrics", "true", "--model.class_weights", "balanced"]),
        ("multilabel", []),
        ("regression", []),
        ("token", ["--model.imbalance_metrics", "true"]),
    ],
)
def test_two_ranks_report_what_one_process_reports(target, settings, tmp_path, monkeypatch):
    """Of 21 test sequences, which two ranks cannot share evenly."""
    monkeypatch.setenv("PYTHONPATH", str(Path(labelled.__file__).parent))
    main = [sys.executable, "-m", "wavspa_lit"]
    data = ["--data", "labelled.Labelled", "--data.kind", target, "--data.count", "21", "--data.batch_size", "4"]
    model = ["--model", TASKS[target, False], *settings]
    subprocess.run([*main, "fit", *model, *data, *FLAGS, "--run", "r", "--trainer.max_steps", "3"], check=True)
    found = []
    for devices, strategy in (("1", "auto"), ("2", "ddp")):
        flags = ["--trainer.devices", devices, "--trainer.strategy", strategy, "--trust"]
        subprocess.run([*main, "test", "--ckpt_path", "r/checkpoints/last.ckpt", *flags], check=True)
        test = json.loads(Path("r/results.json").read_text())["test"]
        found.append({name: value for name, value in test.items() if name.startswith("test/")})
    assert found[1] == pytest.approx(found[0], rel=1e-5, nan_ok=True)
