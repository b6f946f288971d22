import itertools
import re
import statistics

import numpy
import pytest
import torch

from datamodules import ListOps
from datamodules.sources.listops import IDS, SHARD, TOKENS, Settings, evaluate, generate

SMALL = {"min_length": 5, "max_length": 60, "max_depth": 4, "max_args": 5}
WORDS = {index: token for token, index in IDS.items()}


def listops(tmp_path, **options):
    sizes = {"num_train": 300, "num_val": 40, "num_test": 41}
    return ListOps(**{"root": str(tmp_path), **SMALL, **sizes, "batch_size": 16, **options})


def value(tokens):
    """An evaluator of its own: a stack machine on the words."""
    stack = []
    for word in (WORDS[token] for token in tokens):
        if word != "]":
            stack.append(int(word) if word.isdigit() else word)
            continue
        arguments = list(itertools.takewhile(lambda item: isinstance(item, int), reversed(stack)))
        operator = stack[-len(arguments) - 1]
        del stack[-len(arguments) - 1 :]
        assert len(arguments) >= 2
        functions = {"[MIN": min, "[MAX": max, "[MED": lambda a: int(numpy.median(a)), "[SM": lambda a: sum(a) % 10}
        stack.append(functions[operator](arguments))
    (answer,) = stack
    return answer


def rows(dataset):
    """The sequences of a dataset, as bytes."""
    batch = dataset.batch(numpy.arange(len(dataset)))
    return [bytes(tokens[tokens != 0].tolist()) for tokens in batch["tokens"]]


def depth(tokens):
    return max(numpy.cumsum([1 if WORDS[t].startswith("[") else -1 if WORDS[t] == "]" else 0 for t in tokens]))


def test_official_examples():
    assert evaluate("[MED", [1, 2]) == 1
    assert evaluate("[SM", [9, 9]) == 8
    assert value([IDS[word] for word in ["[MAX", "[MIN", "3", "4", "]", "2", "]"]]) == 3


def test_generated_expressions_follow_the_grammar():
    for tokens, answer in generate(Settings(**SMALL), 10_000):
        assert SMALL["min_length"] < len(tokens) < SMALL["max_length"]
        assert value(tokens) == answer
        assert depth(tokens) < SMALL["max_depth"]


def test_official_distribution():
    """Lengths, depth and label prior of the official settings."""
    expressions = generate(Settings(), SHARD)
    lengths = [len(tokens) for tokens, _ in expressions]
    assert min(lengths) > 500 and max(lengths) < 2000
    assert 950 < statistics.mean(lengths) < 1160
    assert all(depth(tokens) == 9 for tokens, _ in expressions)
    labels = numpy.bincount([answer for _, answer in expressions], minlength=10) / len(expressions)
    assert labels[0] + labels[9] > 0.26


@pytest.mark.slow
def test_workers_do_not_change_the_data():
    settings = Settings(**SMALL)
    assert generate(settings, 20 * SHARD, workers=2) == generate(settings, 20 * SHARD, workers=1)


def test_the_seed_decides(tmp_path):
    one, again = (generate(Settings(**SMALL, seed=1), 50) for _ in range(2))
    assert one == again
    assert one != generate(Settings(**SMALL, seed=2), 50)


def test_splits_share_nothing(tmp_path):
    data = listops(tmp_path)
    sequences = {}
    for split in ("train", "val", "test"):
        expressions = rows(data.dataset(split))
        assert len(expressions) == data.counts[split] == len(set(expressions))
        sequences[split] = set(expressions)
    assert not sequences["train"] & sequences["val"]
    assert not sequences["train"] & sequences["test"]
    assert not sequences["val"] & sequences["test"]


def test_batches(tmp_path):
    data = listops(tmp_path)
    assert (data.vocab_size, data.num_classes, data.max_length, data.padding_id) == (16, 10, 60, 0)
    batch = next(iter(data.train_dataloader()))
    assert batch["tokens"].dtype == batch["labels"].dtype == torch.int64
    assert torch.equal(batch["mask"], batch["tokens"] != 0)
    for tokens, mask, label in zip(batch["tokens"], batch["mask"], batch["labels"], strict=True):
        assert value(tokens[mask].tolist()) == label


def write(folder, text, split="train"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "val", "test"):
        (folder / f"basic_{name}.tsv").write_text(text if name == split else "Source\tTarget\n[MAX 1 2 ]\t2\n")


@pytest.mark.parametrize("layout", [".", "listops-1000", "listops", "lra_release/lra_release/listops-1000"])
def test_official_files_are_read(tmp_path, layout):
    write(tmp_path / layout, "Source\tTarget\n( ( ( [MAX 4 ) 3 ) ] )\t4\n( ( ( ( [SM 9 ) 9 ) 1 ) ] )\t9\n")
    for source in ("auto", "files"):
        dataset = listops(tmp_path, source=source).dataset("train")
        assert [TOKENS[token - 1] for token in dataset.tokens] == ["[MAX", "4", "3", "]", "[SM", "9", "9", "1", "]"]
        assert (dataset.offsets.tolist(), dataset.labels.tolist()) == ([0, 4, 9], [4, 9])


def test_changed_files_are_read_again(tmp_path):
    write(tmp_path, "Source\tTarget\n[MAX 1 2 ]\t2\n")
    assert len(listops(tmp_path).dataset("train")) == 1
    write(tmp_path, "Source\tTarget\n[MAX 1 2 ]\t2\n[MIN 1 2 ]\t1\n")
    assert len(listops(tmp_path).dataset("train")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Source\tTarget\n[MAX 1 2 ]\t2\n[MAXX 1 ]\t1\n", r"basic_train.tsv, line 3: unknown token '\[MAXX'"),
        ("Source\tTarget\n[MAX 1 2 ] 2\n", "line 2: expected an expression, a tab and a digit"),
        ("Source\tTarget\n[MAX 1 2 ]\t17\n", "line 2: expected"),
        ("Source\tTarget\n[MAX 1 2 ]\t5\t2\n", "line 2: expected an expression, a tab and a digit"),
        ("Source\tTarget\n[MAX 1 [MIN 2 3 ]\t2\n", "line 2: the brackets of the expression do not match"),
        ("Source\tTarget\n[MAX 1 2\t2\n", "line 2: the brackets"),
        ("Source\tTarget\n[MAX " + 80 * "1 " + "]\t1\n", "line 2: 82 tokens; raise data.max_length=60"),
        ("", "the file is empty"),
    ],
)
def test_bad_files_name_the_line(tmp_path, text, message):
    write(tmp_path, text)
    with pytest.raises(ValueError, match=message):
        listops(tmp_path).dataset("train")


def test_bytes_that_are_not_text_name_the_line(tmp_path):
    write(tmp_path, "")
    (tmp_path / "basic_train.tsv").write_bytes(b"Source\tTarget\n[MAX \xff 2 ]\t2\n")
    with pytest.raises(ValueError, match=r"line 2: unknown token"):
        listops(tmp_path).dataset("train")


@pytest.mark.parametrize("source", ["auto", "files"])
def test_a_partial_set_of_files_is_refused(tmp_path, source):
    write(tmp_path, "[MAX 1 2 ]\t2\n")
    (tmp_path / "basic_test.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"basic_test\.tsv\. Three ways out: .* data\.source=generate"):
        listops(tmp_path, source=source).dataset("train")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "listops-1000"))):
        listops(tmp_path, source="files").dataset("train")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_length": 60}, "no length lies strictly between"),
        ({"max_args": 1}, "data.max_args"),
        ({"max_depth": 0}, "data.max_depth"),
        ({"num_test": 0}, "data.num_test"),
        ({"batch_size": 0}, "data.batch_size"),
        ({"num_workers": -1}, "data.num_workers"),
        ({"seed": -1}, "data.seed"),
        ({"source": "file"}, "data.source must be one of auto, files, generate, download"),
    ],
)
def test_bad_settings_name_the_argument(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        listops(tmp_path, **options)


def test_more_than_there_is_is_refused():
    with pytest.raises(ValueError, match="different expressions, 5000 are wanted"):
        generate(Settings(min_length=3, max_length=5, max_depth=2, max_args=2), 5000)
