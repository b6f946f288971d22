"""The datamodules of length generalisation: layout, groups, splits, determinism."""

import pytest
import torch

from datamodules.reasoning import (
    CHOMSKY_TASKS,
    Addition,
    ChomskyHierarchy,
    Copy,
    ListOpsLength,
    ModularArithmetic,
    Parity,
    Reverse,
    Scan,
    Sort,
)
from datamodules.sources.listops import TOKENS, evaluate, shard

SMALL = {
    **{"max_train_length": 6, "max_test_length": 15, "num_train": 96, "val_per_length": 3, "test_per_length": 4},
    "batch_size": 16,
}
MODULES = [
    *(lambda name=name, **options: ChomskyHierarchy(name, **options) for name in CHOMSKY_TASKS),
    *(Copy, Reverse, Sort, Addition, Parity, ModularArithmetic),
]


def batches(loader, epoch=0):
    loader.sampler.set_epoch(epoch)
    return list(loader)


def same(first, second):
    return len(first) == len(second) and all(
        a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("build", MODULES)
@pytest.mark.parametrize("stream", [True, False])
def test_answers_are_read_at_query_tokens(build, stream):
    data = build(stream=stream, **SMALL)
    query, longest = data.vocab_size - 1, 0
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        for batch in loader:
            tokens, labels = batch["tokens"], batch["labels"]
            mask = batch.get("mask", torch.ones_like(tokens, dtype=torch.bool))
            assert ((tokens > 0) == mask).all() and tokens.max() == query
            asked = labels != -100
            assert (tokens[asked] == query).all() and asked.any(1).all()
            assert labels[asked].min() >= 0 and labels.max() < data.num_classes
            assert ((batch["groups"] >= 0) == asked).all()
            assert (batch["loss_mask"] == (asked & (batch["groups"] < 6))).all()
            longest = max(longest, tokens.shape[1])
    assert longest == data.max_length
    assert max(batch["tokens"].shape[1] for batch in data.val_dataloader()) == data.trained_length < longest


def test_each_test_length_has_its_examples_once():
    data = ChomskyHierarchy("reverse_string", test_stride=4, **SMALL)
    assert data.group_values == [1, 2, 3, 4, 5, 6, 10, 14]
    assert data.trained_groups == [0, 1, 2, 3, 4, 5] and data.group_name == "length"
    seen = [group for batch in data.test_dataloader() for group in batch["groups"].amax(1).tolist()]
    assert seen == [group for group in range(8) for _ in range(4)]
    rows = [(b["groups"].amax(1), (b["labels"] != -100).sum(1)) for b in data.test_dataloader()]
    assert all(data.group_values[g] == n for groups, counts in rows for g, n in zip(groups, counts, strict=True))
    validated = {group for batch in data.val_dataloader() for group in batch["groups"].amax(1).tolist()}
    assert validated == set(range(6))


def test_the_protocol_is_the_default():
    data = ChomskyHierarchy()
    assert data.group_values == list(range(1, 501)) and data.trained_groups == list(range(40))
    assert len(data.dataset("test")) == 500 * 512 and data.batch_size == 128


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ["stack_manipulation", "solve_equation", "binary_multiplication"])
def test_workers_change_nothing(name, stream):
    plain = ChomskyHierarchy(name, stream=stream, seed=5, **SMALL)
    workers = ChomskyHierarchy(name, stream=stream, seed=5, num_workers=2, **SMALL)
    other = ChomskyHierarchy(name, stream=stream, seed=6, **SMALL)
    for epoch in (0, 2):
        first = batches(plain.train_dataloader(), epoch)
        assert same(first, batches(workers.train_dataloader(), epoch))
        assert not same(first, batches(other.train_dataloader(), epoch))
    assert same(batches(plain.test_dataloader()), batches(workers.test_dataloader()))


def test_a_stream_resumes_in_the_middle_of_an_epoch():
    whole = batches(Copy(**SMALL).train_dataloader(), 2)
    interrupted, loader = Copy(**SMALL).train_dataloader(), Copy(**SMALL).train_dataloader()
    interrupted.sampler.set_epoch(2)
    iterator = iter(interrupted)
    next(iterator), next(iterator)
    loader.load_state_dict(interrupted.state_dict())
    assert same(batches(loader, 2), whole[2:])
    assert not same(batches(Copy(**SMALL).train_dataloader(), 1), whole)


def test_all_trained_lengths_come_in_a_stream():
    data = Parity(**{**SMALL, "num_train": 3200})
    seen = {int(batch["groups"].max()) for batch in data.train_dataloader()}
    assert seen == set(range(6))


def test_many_lengths_do_not_change_what_is_drawn():
    data = Parity(**{**SMALL, "max_test_length": 120, "test_per_length": 2})
    forward = batches(data.test_dataloader())
    assert same(forward, batches(data.test_dataloader()))  # early lengths were dropped from memory and are drawn again


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "parity"}, "unknown data.task 'parity'; known: parity_check, "),
        ({"max_train_length": 0}, "max_train_length"),
        ({"max_test_length": 30}, "max_test_length=30"),
        ({"test_stride": 0}, "test_stride"),
        ({"num_train": 10, "stream": False}, "num_train=10"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ChomskyHierarchy(**options)


@pytest.mark.parametrize(
    ("build", "message"), [(lambda: Copy(symbols=1), "symbols"), (lambda: ModularArithmetic(1), "modulus")]
)
def test_too_few_symbols_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.fixture
def scan_folder(tmp_path):
    train = ["IN: jump twice OUT: I_JUMP I_JUMP", "IN: walk OUT: I_WALK", "IN: turn left OUT: I_TURN_LEFT"]
    test = ["IN: run left thrice OUT: " + "I_TURN_LEFT I_RUN " * 3]
    (tmp_path / "tasks_train_length.txt").write_text("\n".join(train) + "\n")
    (tmp_path / "tasks_test_length.txt").write_text("\n".join(test) + "\n\n")
    return tmp_path


def test_scan_reads_the_length_split(scan_folder):
    data = Scan(str(scan_folder), batch_size=4)
    assert (data.group_values, data.trained_groups, data.max_length) == ([1, 2, 6], [0, 1], 9)
    assert data.chance == 0.5 and data.trained_length == 4
    (batch,) = data.test_dataloader()
    assert batch["tokens"].tolist() == [[2, 6, 11] + [14] * 6]
    assert batch["labels"].tolist() == [[-100] * 3 + [4, 1] * 3]
    assert not batch["loss_mask"].any()
    assert len(data.dataset("train")) == 2 and len(data.dataset("val")) == 1


def test_scan_says_what_is_wrong_with_its_files(scan_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"tasks_train_length.txt.*data\.root"):
        Scan(str(tmp_path / "nowhere"))
    (scan_folder / "tasks_test_length.txt").write_text("IN: fly OUT: I_FLY\n")
    with pytest.raises(ValueError, match="line 1: unknown word 'fly'"):
        Scan(str(scan_folder))
    (scan_folder / "tasks_test_length.txt").write_text("jump\n")
    with pytest.raises(ValueError, match="line 1: expected"):
        Scan(str(scan_folder))
    (scan_folder / "tasks_test_length.txt").write_text("\n")
    with pytest.raises(ValueError, match="empty"):
        Scan(str(scan_folder))


def value(ids):
    open_lists = [[]]
    for token in (TOKENS[i - 1] for i in ids):
        if token.startswith("["):
            open_lists.append([token])
        elif token == "]":
            operator, *values = open_lists.pop()
            open_lists[-1].append(evaluate(operator, values))
        else:
            open_lists[-1].append(int(token))
    ((result,),) = open_lists
    return result


def test_listops_lengths_are_trained_short_and_tested_long(tmp_path):
    data = ListOpsLength((20, 40, 80), num_train=200, num_val=20, num_test=30, root=str(tmp_path), batch_size=10)
    data.prepare_data()
    seen = {}
    for split in ("train", "val", "test"):
        dataset = data.dataset(split)
        seen[split] = set()
        for question, answer, group in zip(dataset.questions, dataset.answers, dataset.groups, strict=True):
            low, high = [(6, 20), (20, 40), (40, 80)][group]
            assert low <= len(question) < high and value(question) == answer[0]
            seen[split].add(bytes(question))
    assert [len(expressions) for expressions in seen.values()] == [200, 20, 90]
    assert not seen["train"] & seen["val"] and not seen["train"] & seen["test"] and not seen["val"] & seen["test"]
    batch = list(data.test_dataloader())[-1]
    assert (
        batch["tokens"].shape[1] <= data.max_length == 80 and data.trained_length == 20 and not batch["loss_mask"].any()
    )
    assert (batch["tokens"][batch["labels"] != -100] == data.vocab_size - 1).all()
    with pytest.raises(ValueError, match="lengths must be increasing"):
        ListOpsLength((40, 20))


def test_the_longest_expressions_can_be_drawn():
    """With the usual settings; fewer arguments hardly ever make expressions of 400 tokens."""
    assert len(shard(ListOpsLength().settings[-1], 0)) == 500
