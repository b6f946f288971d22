"""Labels of every kind, who trains and who tests, and what travels in checkpoints."""

import numpy
import pytest
import torch

from datamodules import Files
from datamodules.errors import DataError
from datamodules.order import balanced

pytestmark = pytest.mark.filterwarnings("ignore:.*are cut off")
SPLITS = ("train", "val", "test")


def test_several_classes_at_once(table, opened):
    labels = ["red;blue", "", "blue", "red; green"] * 10
    data = opened(table("text,label\n" + "".join(f"x,{label}\n" for label in labels)), target="multilabel")
    assert data.facts.target == "multilabel" and data.class_names == ("blue", "green", "red")
    flags = data.dataset("train").batch(numpy.arange(32))["labels"]
    assert flags.dtype == torch.float32
    assert {tuple(row) for row in flags.tolist()} == {(1, 0, 1), (0, 0, 0), (1, 0, 0), (0, 1, 1)}
    columns = "text,a,b\n" + "x,1,0\nx,0,false\nx,true,1\n" * 10
    data = opened(table(columns, "columns.csv"), target="multilabel", label=["a", "b"])
    assert data.class_names == ("a", "b") and data.dataset("train").batch(numpy.arange(9))["labels"].sum() > 0


def test_numbers(table, opened):
    rows = "".join(f"x,{number / 4},{-number}\n" for number in range(40))
    data = opened(table(f"text,y,z\n{rows}"), target="regression", label=["y", "z"])
    assert data.facts.target == "regression" and data.num_classes == 2 and data.class_names == ("y", "z")
    labels = data.dataset("train").batch(numpy.arange(32))["labels"]
    assert torch.equal(labels[:, 1], -4 * labels[:, 0]) and labels.dtype == torch.float32
    with pytest.raises(DataError, match=r"row 3 \(line 4\), column 'y, z': expected a number"):
        opened(table("text,y,z\nx,1,2\nx,1,2\nx,,2\n"), target="regression", label=["y", "z"])


def test_a_class_per_position(table, opened):
    rows = '{"text": ["a", "b", "c"], "label": ["N", null, "V"]}\n{"text": "a", "label": "N"}\n' * 20
    data = opened(table(rows, "mine.jsonl"), encoding="words", target="token", max_length=2)
    assert data.facts.target == "token" and data.class_names == ("N", "V")
    batch = data.dataset("train").batch(numpy.arange(32))
    assert {tuple(row) for row in batch["labels"].tolist()} == {(0, -100)}
    letters = opened(table("text,label\n" + "ACD,HHE\nAC,EH\n" * 20), target="token", encoding="characters")
    assert letters.class_names == ("E", "H")
    with pytest.raises(DataError, match=r"row 1 \(line 2\), column 'label': 2 labels for a sequence of 3"):
        opened(table("text,label\nACD,HH\n"), target="token")


@pytest.mark.parametrize("target", ["multilabel", "regression", "token"])
def test_an_evaluation_batch_is_filled_up_with_labels_that_do_not_count(target, table, opened):
    label = "1 2 1" if target == "token" else "1"
    data = opened(table("text,label\n" + f"a b c,{label}\nb,{label[:1]}\n" * 30), encoding="words", target=target)
    data = Files("mine.csv", encoding="words", target=target, eval_batch_size=4, padding="max")
    batches = list(data.val_dataloader())
    labels = torch.cat([batch["labels"] for batch in batches])
    counted = ~labels.isnan() if labels.is_floating_point() else labels != -100
    assert len(labels) == 8 and counted.flatten(1).any(1).sum() == 6


def test_rows_are_held_out_by_class_and_by_the_seed(table, opened):
    labels = ["often"] * 160 + ["seldom"] * 39 + ["once"]
    table("text,label\n" + "".join(f"{number},{label}\n" for number, label in enumerate(labels)))
    data, again, other = opened("mine.csv"), opened("mine.csv"), opened("mine.csv", seed=1)
    parts = {split: data.store.chosen(split) for split in SPLITS}
    assert sorted(numpy.concatenate(list(parts.values()))) == list(range(200))
    assert [len(parts[split]) for split in SPLITS] == [160, 20, 20]
    for split in ("val", "test"):
        assert [int((parts[split] < 160).sum()), int((parts[split] >= 160).sum())] == [16, 4]
        assert numpy.array_equal(parts[split], again.store.chosen(split))
        assert not numpy.array_equal(parts[split], other.store.chosen(split))
    assert 199 in parts["train"]  # the only one of its class


def test_a_column_says_the_split(table, opened):
    rows = "".join(
        f"{name},{number % 2},{name}\n" for number, name in enumerate(["train"] * 8 + ["dev"] * 3 + ["test"])
    )
    data = opened(table(f"text,label,split\n{rows}"))
    assert [len(data.dataset(split)) for split in SPLITS] == [8, 3, 1]
    with pytest.raises(DataError, match=r"column 'split': .*data\.split=null"):
        opened("mine.csv", test="mine.csv")
    with pytest.raises(DataError, match=r"row 1 \(line 2\), column 'split': expected train, val or test, got 'tarin'"):
        opened(table(f"text,label,split\n{rows}".replace("train", "tarin")))


def test_longer_sequences_are_cut_off_and_that_is_said(table, opened):
    table("text,label\n" + "".join(f"{'x' * number},{number % 2}\n" for number in range(1, 41)))
    with pytest.warns(UserWarning, match=r"train sequences are longer than data.max_length 30"):
        data = opened("mine.csv", max_length=30)
    assert data.dataset("train").example_lengths().max() == 30


def test_balanced_training_shows_each_class_equally_often_and_resumes_exactly(table):
    table("text,label\n" + "".join(f"x{number},{'rare' if number % 9 == 0 else 'usual'}\n" for number in range(90)))
    data = Files("mine.csv", sampling="balanced", batch_size=8, padding="batch", encoding="words")
    loader = data.train_dataloader()
    loader.sampler.set_epoch(3)
    whole = [batch["labels"].tolist() for batch in loader]
    assert abs(sum(map(sum, whole)) - 36) <= 1 and len(whole) == 9
    loader = data.train_dataloader()
    loader.sampler.set_epoch(3)
    begun = iter(loader)
    for _ in range(4):
        next(begun)
    state = loader.state_dict()
    resumed = Files("mine.csv", sampling="balanced", batch_size=8, padding="batch", encoding="words").train_dataloader()
    resumed.load_state_dict(state)
    resumed.sampler.set_epoch(3)
    assert [batch["labels"].tolist() for batch in resumed] == whole[4:]


def test_balancing_uses_every_example_of_a_class_alike():
    classes = numpy.array([0] * 90 + [1] * 7 + [2] * 3)
    order = balanced(classes, numpy.random.default_rng(0))
    counts = numpy.bincount(order, minlength=100)
    assert sorted(numpy.bincount(classes[order])) == [33, 33, 34]
    assert counts[:90].max() == 1 and set(counts[90:97]) <= {4, 5} and set(counts[97:]) <= {11, 12}


def test_a_checkpoint_holds_all_that_reading_needs(table, opened, tmp_path):
    table("text,label\n" + "b a,yes\na,no\n" * 20)
    data = opened("mine.csv", encoding="words", max_length=2)
    torch.save({"Files": data.state_dict()}, tmp_path / "some.ckpt")
    (tmp_path / "mine.csv").unlink()
    again = Files.of_checkpoint(tmp_path / "some.ckpt")
    assert again.facts == data.facts and again.class_names == ("no", "yes")
    table("name,text\nfirst,a b c\nsecond,c\n", "new.csv")
    again.read_inputs("new.csv")
    assert again.input_names == ["first", "second"]
    words = data.schema.vocabulary
    assert next(iter(again.predict_dataloader()))["tokens"][0].tolist() == [2 + words.index("a"), 2 + words.index("b")]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"encoding": "byte"}, "data.encoding must be one of auto, bytes"),
        ({"max_length": 0}, "data.max_length must be at least 1"),
        ({"val_fraction": 0.6, "test_fraction": 0.5}, "data.val_fraction"),
        ({"encoding": "tokenizer"}, "needs data.tokenizer"),
        ({"label": ["a", "b"]}, "data.target regression or multilabel"),
        ({"sampling": "balanced", "target": "regression"}, "data.sampling=balanced needs data.target=class"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        Files("mine.csv", **settings)
