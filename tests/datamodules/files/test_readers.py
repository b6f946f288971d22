"""Every format that is read, and what becomes of its sequences."""

import gzip
import json

import numpy
import pytest
import torch

from datamodules import Files
from datamodules.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:.*are cut off")
LABELS = ["ab"[number % 2] for number in range(40)]


def first(data, split="train"):
    """The first example of a split, without padding."""
    batch = data.dataset(split).batch(numpy.array([0]))
    return batch["features"][0] if "features" in batch else batch["tokens"][0]


@pytest.mark.parametrize("name", ["mine.csv", "mine.tsv", "mine.jsonl", "mine.csv.gz", "mine.parquet", "mine.fasta"])
def test_formats_hold_the_same(name, tmp_path, table, opened):
    texts = [f"ACGT{'ACGT'[number % 4]}" for number in range(40)]
    rows = list(zip(texts, LABELS, strict=True))
    if name.endswith(".parquet"):
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"label": LABELS, "text": texts}), tmp_path / name)
    else:
        content = {
            "mine.csv": "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows),
            "mine.tsv": "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows),
            "mine.jsonl": "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows),
            "mine.fasta": "".join(f">s label={label}\n{text[:3]}\n{text[3:]}\n" for text, label in rows),
        }[name.removesuffix(".gz")].encode()
        table(gzip.compress(content) if name.endswith(".gz") else content, name)
    data = opened(name)
    assert data.class_names == ("a", "b") and data.vocab_size == 257 and data.max_length == 5
    assert [len(data.dataset(split)) for split in ("train", "val", "test")] == [32, 4, 4]
    assert bytes((first(data) - 1).tolist()).startswith(b"ACGT")


@pytest.mark.parametrize("ending", ["txt", "py", "fasta", "npy"])
def test_a_folder_per_class(ending, tmp_path, opened):
    for label in ("no", "yes"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for number in range(10):
            file = tmp_path / "mine" / label / f"{number}.{ending}"
            if ending == "npy":
                numpy.save(file, numpy.random.randn(7, 2))
            else:
                file.write_text(">a\nACGT\n" if ending == "fasta" else "one two")
    data = opened("mine")
    assert data.class_names == ("no", "yes") and data.channels == (2 if ending == "npy" else None)
    assert len(data.dataset("train")) == 16
    (tmp_path / "mine" / "yes" / f"8.{ending}").write_bytes(b"")
    with pytest.raises(DataError, match=r"mine.*yes/8"):
        opened("mine")


def test_a_folder_of_fasta_files_has_a_class_per_file(tmp_path, opened):
    (tmp_path / "mine").mkdir()
    for label in ("coding", "not"):
        (tmp_path / "mine" / f"{label}.fa").write_text(">a\nACGT\n>b\nAC\n" * 10)
    data = opened("mine")
    assert data.class_names == ("coding", "not")


def test_columns_of_arrays_and_their_normalisation(tmp_path, opened):
    series = numpy.random.default_rng(0).normal(5, 3, (50, 30, 2))
    series[0, 10:] = numpy.nan  # a shorter series
    series[1, 3, 0] = numpy.nan  # a missing value
    numpy.savez_compressed(tmp_path / "mine.npz", x=series, y=numpy.arange(50) % 2)
    data = opened("mine.npz", text="x", label="y", max_length=20)
    assert data.facts.channels == 2 and data.vocab_size == 0 and data.class_names == ("0", "1")
    batch = data.dataset("train").batch(numpy.arange(40))
    assert batch["features"].shape == (40, 20, 2) and batch["features"].dtype == torch.float32
    assert batch["mask"][:, 10:].all(1).sum() in (39, 40)
    assert torch.allclose(batch["features"].mean((0, 1)), torch.zeros(2), atol=0.1)
    by_series = opened("mine.npz", text="x", label="y", normalise="series").dataset("train").batch(numpy.arange(2, 40))
    assert torch.allclose(by_series["features"].std(1, correction=0), torch.ones(38, 2), atol=1e-3)


def test_series_of_the_archives(table, opened):
    head = "# a comment\n@problemName x\n@timeStamps false\n@univariate false\n@classLabel true up down\n@data\n"
    rows = "".join(f"{number},2,?:4,5,6:{label}\n" for number, label in enumerate(["up", "down"] * 20))
    data = opened(table(head + rows, "mine.ts"), normalise="none")
    assert data.channels == 2 and data.class_names == ("down", "up")
    assert first(data)[1].tolist() == [2.0, 5.0] and first(data)[2].tolist() == [0.0, 6.0]
    with pytest.raises(DataError, match=r"row 41 \(line 47\), column 'text': channels of different lengths"):
        opened(table(head + rows + "1,2:3:up\n", "mine.ts"))


def test_a_column_per_position(table, opened):
    rows = "".join(f"{number / 7},{number},{number % 2}\n" for number in range(40))
    data = opened(table(f"t0,t1,label\n{rows}"), text="t*", encoding="numbers", normalise="none")
    assert data.channels == 1 and data.max_length == 2
    with pytest.raises(DataError, match=r"data\.encoding=numbers"):
        opened("mine.csv", text="t*")


def test_words_and_what_training_does_not_have(table, opened):
    table("text,label\n" + "".join(f"the cat {number % 3},{number % 2}\n" for number in range(30)))
    table("text,label\nthe dog 1,1\nthe,0\n", "test.csv")
    data = opened("mine.csv", test="test.csv", encoding="words")
    assert data.schema.vocabulary[:2] == ["the", "cat"] and data.vocab_size == 2 + 5
    assert first(data, "test").tolist()[:2] == [2, 1]  # 1: unknown
    assert len(opened("mine.csv", encoding="words", vocabulary=3).schema.vocabulary) == 3


def test_integers_and_characters(table, opened):
    table("text,label\n" + "".join(f"7 -3 {number},{number % 2}\n" for number in range(30)))
    data = opened("mine.csv", encoding="integers", val_fraction=0.01, test_fraction=0.01)
    assert data.schema.vocabulary[0] == -3 and first(data)[:2].tolist() == [2 + data.schema.vocabulary.index(7), 2]
    data = opened(table("text,label\n" + "été,1\nñ,0\n" * 20), encoding="characters")
    assert [chr(code) for code in data.schema.vocabulary] == ["t", "é", "ñ"]


def test_tokens_of_a_tokenizer_travel_as_plain_data(tmp_path, table, opened):
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokens.json"))
    data = opened(table("text,label\n" + "a b c,1\nb,0\n" * 20), tokenizer="tokens.json")
    assert data.vocab_size == 4 and data.max_length == 3
    again = Files(schema=data.schema.plain())
    table("text\nb a\n", "new.csv")
    again.read_inputs("new.csv")
    assert next(iter(again.predict_dataloader()))["tokens"].tolist() == [[2, 1]]


def test_pairs_whose_sequences_have_a_file_of_their_own(table, opened):
    table("".join(json.dumps({"func": "f" * (number + 1), "idx": number}) + "\n" for number in range(9)), "data.jsonl")
    table("".join(f"{number % 9}\t{number % 4}\t{number % 2}\n" for number in range(40)), "pairs.txt")
    settings = {"columns": ["text", "text2", "label"], "text2": "text2", "sequences": "data.jsonl"}
    settings |= {"sequences_id": "idx", "sequences_text": "func"}
    data = opened("pairs.txt", **settings)
    assert data.facts.paired and data.max_length == 9
    batch = data.dataset("train").batch(numpy.arange(32))
    assert batch["tokens"].shape == (32, 2, 9)
    assert batch["mask"].sum(-1).tolist() == [[i % 9 + 1, i % 4 + 1] for i in data.store.chosen("train").tolist()]
    table("0\t99\t1\n", "pairs.txt")
    with pytest.raises(DataError, match=r"pairs\.txt, row 1 \(line 1\), column 'text2': no sequence '99' in data"):
        opened("pairs.txt", **settings)


def test_formats_that_are_not_known_name_a_way(table):
    for name, hint in (("x.npy", "numpy.savez"), ("x.xlsx", "give a .csv"), ("x.txt", "data.columns")):
        with pytest.raises(DataError, match=hint):
            _ = Files(table("x", name)).num_classes
