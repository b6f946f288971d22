"""LEGO sentences against an evaluator that reads them as text."""

import itertools

import numpy
import pytest
import torch

from datamodules.reasoning import Lego
from datamodules.reasoning.lego_sentences import GROUPS, sample, sample_split, split_bucket

ELEMENTS = {"z2": [(0, 1), (1, 0)], "s3": list(itertools.permutations(range(3)))}
WORDS = {"val": 0, "not": 1, "g1": 1, "g2": 2, "g3": 3, "g4": 4, "g5": 5}


def read(words, group):
    """Value and position of each variable, by following the chains through the text."""
    elements = ELEMENTS[group]
    assert words[0] == "[CLS]" and words[-1] == "[SEP]"
    clauses = [words[i : i + 5] for i in range(1, len(words) - 1, 5)]
    follows, known = {}, {}
    for variable, equals, relation, source, comma in clauses:
        assert (equals, comma) == ("=", ",")
        if source.isdigit():
            assert relation == "val"
            known[variable] = (int(source), 0)
        else:
            assert source not in follows
            follows[source] = (variable, WORDS[relation])
    for last in list(known):
        while last in follows:
            variable, factor = follows[last]
            value, position = known[last]
            result = tuple(elements[factor][i] for i in elements[value])
            known[variable] = (elements.index(result), position + 1)
            last = variable
    assert len(known) == len(clauses)
    return [known[clause[0]] for clause in clauses]


@pytest.mark.parametrize("group", ["z2", "s3"])
@pytest.mark.parametrize("n_vars", [2, 3, 12, 26])
def test_values_and_positions_are_what_the_text_says(group, n_vars):
    tokens, values, positions = sample(numpy.random.default_rng(0), 400, n_vars, group)
    assert tokens.shape == (400, 5 * n_vars + 2)
    assert ((positions == 0).sum(1) == 1).all()
    for row, value, position in zip(tokens, values, positions, strict=True):
        words = [GROUPS[group].vocabulary[token] for token in row]
        assert read(words, group) == list(zip(value.tolist(), position.tolist(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("group", ["z2", "s3"])
def test_ten_thousand_sentences(group):
    tokens, values, positions = sample(numpy.random.default_rng(1), 10_000, 12, group)
    for row, value, position in zip(tokens, values, positions, strict=True):
        words = [GROUPS[group].vocabulary[token] for token in row]
        assert read(words, group) == list(zip(value.tolist(), position.tolist(), strict=True))


@pytest.mark.parametrize("group", ["z2", "s3"])
def test_values_letters_and_orders_are_uniform(group):
    count = 12_000
    tokens, values, positions = sample(numpy.random.default_rng(2), count, 4, group)
    order = GROUPS[group].order
    for position in range(4):
        share = numpy.bincount(values[positions == position], minlength=order) / count
        assert (abs(share - 1 / order) < 0.025).all()
        assert (abs((positions == position).mean(0) - 0.25) < 0.025).all()
    letters = numpy.bincount(tokens[:, 1], minlength=len(GROUPS[group].vocabulary))[-26:] / count
    assert (abs(letters - 1 / 26) < 0.01).all()


def test_s3_does_not_commute_and_is_a_group():
    product = GROUPS["s3"].product
    assert (product != product.T).any()
    assert all(sorted(row) == list(range(6)) for row in [*product.tolist(), *product.T.tolist()])
    for a, b, c in itertools.product(range(6), repeat=3):
        assert product[product[a, b], c] == product[a, product[b, c]]


def test_batches_ask_at_every_clause_and_train_the_first_of_the_chain():
    data = Lego(n_vars=8, n_train_vars=3, num_train=100, num_val=10, num_test=10, batch_size=20)
    batch = next(iter(data.train_dataloader()))
    assert batch["tokens"].shape == (20, data.max_length) == (20, 42)
    asked = batch["labels"] != -100
    assert (asked == (batch["groups"] >= 0)).all() and (asked.sum(1) == 8).all()
    assert (batch["tokens"][asked] >= GROUPS["z2"].ids["a"]).all()  # a letter
    assert (batch["loss_mask"] == (asked & (batch["groups"] < 3))).all()
    assert data.group_values == list(range(1, 9)) and data.trained_groups == [0, 1, 2]
    assert data.chance == 0.5 and Lego(group="s3").chance == pytest.approx(1 / 6)


@pytest.mark.parametrize("group", ["z2", "s3"])
def test_sentences_may_have_several_chains(group):
    tokens, values, positions = sample(numpy.random.default_rng(0), 400, 12, group, roots=0.3)
    for row, value, position in zip(tokens, values, positions, strict=True):
        words = [GROUPS[group].vocabulary[token] for token in row]
        assert read(words, group) == list(zip(value.tolist(), position.tolist(), strict=True))
    assert abs((positions == 0).mean() - (1 + 11 * 0.3) / 12) < 0.02
    data = Lego(num_train=100, num_val=100, num_test=100, roots=0.3, batch_size=100)
    train, val = (next(iter(loader)) for loader in (data.train_dataloader(), data.val_dataloader()))
    assert (train["groups"] == 0).sum() > 200 and (val["groups"] == 0).sum() == 100


@pytest.mark.parametrize("stream", [False, True])
def test_training_sentences_of_varying_length_are_padded_to_one(stream):
    data = Lego(n_vars=8, n_train_vars=3, num_train=300, num_val=20, num_test=20, stream=stream, min_vars=2)
    batch = next(iter(data.train_dataloader()))
    seen = set()
    for row in range(300):
        length = int(batch["mask"][row].sum())
        assert not batch["tokens"][row, length:].any() and (batch["labels"][row, length:] == -100).all()
        words = [GROUPS["z2"].vocabulary[token] for token in batch["tokens"][row, :length]]
        asked = batch["groups"][row] >= 0
        found = zip(batch["labels"][row, asked].tolist(), batch["groups"][row, asked].tolist(), strict=True)
        assert read(words, "z2") == list(found)
        seen.add(int(asked.sum()))
    assert seen == set(range(2, 9))
    assert all("mask" not in held_out for held_out in (*data.val_dataloader(), *data.test_dataloader()))


def take(data, epoch):
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return [batch["tokens"] for batch in loader]


@pytest.mark.parametrize("stream", [False, True])
def test_batches_are_the_same_with_and_without_workers(stream):
    options = {"n_vars": 5, "n_train_vars": 3, "num_train": 120, "batch_size": 20, "stream": stream, "seed": 7}
    for epoch in (0, 3):
        plain = take(Lego(**options), epoch)
        workers = take(Lego(num_workers=2, **options), epoch)
        assert len(plain) == 6 and all(torch.equal(a, b) for a, b in zip(plain, workers, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_draws_new_sentences_each_epoch_and_resumes_in_the_middle(workers):
    options = {"n_vars": 6, "num_train": 200, "batch_size": 20, "stream": True, "num_workers": workers}
    first, second = take(Lego(**options), 0), take(Lego(**options), 1)
    seen = {tuple(row) for batch in first for row in batch.tolist()}
    assert len(seen) == 200 and not seen & {tuple(row) for batch in second for row in batch.tolist()}
    loader = Lego(**options).train_dataloader()
    loader.load_state_dict({"seen": 80, "examples": 200})
    loader.sampler.set_epoch(1)
    resumed = [batch["tokens"] for batch in loader]
    assert len(resumed) == 6 and all(torch.equal(a, b) for a, b in zip(resumed, second[4:], strict=True))


@pytest.mark.parametrize("n_vars", [2, 3, 4, 5])
@pytest.mark.parametrize("stream", [False, True])
def test_splits_share_no_sentence(n_vars, stream):
    data = Lego(n_vars=n_vars, n_train_vars=1, num_train=4000, num_val=500, num_test=500, batch_size=250, stream=stream)
    train, val, test = (
        {tuple(row) for batch in loader for row in batch["tokens"].tolist()}
        for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    )
    assert not train & val and not train & test and not val & test


@pytest.mark.parametrize("n_vars", [2, 5])
def test_no_stream_however_long_meets_the_tests(n_vars):
    for split, bucket in (("train", {2, 3, 4, 5, 6, 7}), ("val", {0}), ("test", {1})):
        tokens = sample_split(numpy.random.default_rng(0), 500, n_vars, "z2", split)[0]
        assert set(split_bucket(tokens).tolist()) == bucket


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_vars": 27}, "n_vars"),
        ({"n_vars": 1}, "n_vars"),
        ({"n_vars": 4}, "n_train_vars"),
        ({"n_train_vars": 0}, "n_train_vars"),
        ({"roots": 1.0}, "data.roots is a probability below 1, got 1.0"),
        ({"min_vars": 13}, r"data.min_vars must lie between 1 and data.n_vars=12, got 13"),
        ({"group": "S3"}, "data.group 'S3'; known: s3, z2"),
        ({"num_test": 0}, "num_test"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Lego(**options)
