from itertools import combinations

import numpy
import pytest
import torch

from datamodules import ListOps
from datamodules.buckets import MULTIPLE, choose_lengths, pad_batch, round_up
from datamodules.loader import EpochBatches, ResumableLoader, Rounded
from datamodules.packed import PackedDataset


def padded(lengths, allowed):
    return sum(round_up(int(length), allowed) for length in lengths)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_other_lengths_pad_less(seed, count):
    lengths = numpy.random.default_rng(seed).integers(1, 70, 40)
    chosen = choose_lengths(lengths, count)
    longest = -(-int(lengths.max()) // MULTIPLE) * MULTIPLE
    others = [(*each, longest) for each in combinations(range(MULTIPLE, longest, MULTIPLE), count - 1)]
    assert len(chosen) <= count and chosen[-1] == longest and list(chosen) == sorted(set(chosen))
    assert padded(lengths, chosen) == min(padded(lengths, each) for each in others)


def test_few_distinct_lengths_need_no_padding_beyond_the_multiple():
    assert choose_lengths(numpy.array([16, 8, 16, 24])) == (8, 16, 24)
    assert choose_lengths(numpy.array([5])) == (8,)


def test_no_length_is_above_the_longest_sequence_and_the_others_stay():
    lengths = numpy.random.default_rng(0).integers(1, 300, 200)
    lengths[0] = 297
    *shorter, last = choose_lengths(lengths)
    assert last == 304 and choose_lengths(lengths, longest=300) == (*shorter, 300)
    assert choose_lengths(lengths, longest=304) == choose_lengths(lengths, longest=310) == (*shorter, 304)


def test_long_batches_are_not_64_tokens_above_a_multiple_of_128_nor_are_their_bands():
    assert choose_lengths(numpy.array([64, 441, 448, 700, 2048])) == (64, 456, 704 + 8, 2056)
    assert choose_lengths(numpy.array([448, 4096]), longest=4096) == (456, 4096)
    lengths = numpy.random.default_rng(0).integers(1, 4000, 5000)
    for length in choose_lengths(lengths)[:-1]:
        assert all(length >> level << level != length or (length >> level) % 128 != 64 for level in range(4))


def test_padding_adds_nothing_that_counts():
    batch = {
        "tokens": torch.tensor([[3, 1, 2]]),
        "labels": torch.tensor([[-100, 1, 0]]),
        "groups": torch.tensor([[-1, 0, 1]]),
        "loss_mask": torch.tensor([[False, True, True]]),
    }
    wide = pad_batch(batch, 5)
    assert wide["tokens"].tolist() == [[3, 1, 2, 0, 0]] and wide["mask"].tolist() == [[True] * 3 + [False] * 2]
    assert wide["labels"].tolist() == [[-100, 1, 0, -100, -100]] and wide["groups"].tolist() == [[-1, 0, 1, -1, -1]]
    assert wide["loss_mask"].tolist() == [[False, True, True, False, False]]
    assert pad_batch({"tokens": torch.ones(2, 4), "labels": torch.zeros(2)}, 4)["labels"].shape == (2,)


def batches(rank, world_size, *, training, lengths, batch_size=4):
    sampler = EpochBatches(
        len(lengths), batch_size, training=training, seed=3, rank=rank, world_size=world_size, lengths=lengths,
        bucketed=True, allowed=choose_lengths(lengths, 3),
    )  # fmt: skip
    return list(sampler)


def test_features_are_padded_and_labels_that_are_numbers_are_not():
    batch = {"features": torch.ones(2, 3, 4), "labels": torch.ones(2, 3)}  # as many targets as steps
    padded = pad_batch(batch, 5)
    assert padded["features"].shape == (2, 5, 4) and padded["features"][:, 3:].eq(0).all()
    assert padded["mask"].tolist() == [[True] * 3 + [False] * 2] * 2
    assert padded["labels"].shape == (2, 3)


@pytest.mark.parametrize("training", [True, False])
def test_all_ranks_of_a_step_have_the_same_shape_and_share_the_examples(training):
    lengths = numpy.random.default_rng(0).integers(1, 100, 43)
    ranks = [batches(rank, 2, training=training, lengths=lengths) for rank in range(2)]
    assert all(isinstance(each, Rounded) for rank in ranks for each in rank)
    shapes = [[(len(each.indices), each.length) for each in rank] for rank in ranks]
    assert shapes[0] == shapes[1] and {size for size, _ in shapes[0]} == {4}
    seen = [int(index) for rank in ranks for each in rank for index in each.indices if index >= 0]
    assert len(seen) == len(set(seen)) == (40 if training else 43)
    assert all(lengths[each.indices[each.indices >= 0]].max() <= each.length for rank in ranks for each in rank)


def dataset(lengths):
    tokens = numpy.arange(lengths.sum()) % 9 + 1
    return PackedDataset(tokens, numpy.concatenate(([0], lengths.cumsum())), numpy.arange(len(lengths)))


def test_the_shift_is_added_to_the_largest_byte_as_well():
    packed = PackedDataset(numpy.array([255, 0, 7], numpy.uint8), numpy.array([0, 1, 3]), numpy.zeros(2), shift=1)
    assert packed[numpy.array([0, 1])]["tokens"].tolist() == [[256, 0], [1, 8]]


def test_batches_have_few_shapes_and_resume_in_the_middle():
    lengths = numpy.random.default_rng(1).integers(5, 200, 60)
    allowed = choose_lengths(lengths, 4)
    options = {"batch_size": 8, "training": True, "seed": 1, "bucketed": True, "batch_lengths": allowed}
    whole = list(ResumableLoader(dataset(lengths), **options))
    assert {tuple(batch["tokens"].shape) for batch in whole} <= {(8, length) for length in allowed}
    assert all(batch["mask"].shape == batch["tokens"].shape for batch in whole)
    resumed = ResumableLoader(dataset(lengths), **options)
    resumed.load_state_dict({"seen": 24, "examples": 60})
    rest = list(resumed)
    assert len(rest) == len(whole) - 3
    for before, after in zip(whole[3:], rest, strict=True):
        assert torch.equal(before["tokens"], after["tokens"]) and torch.equal(before["labels"], after["labels"])


def test_the_last_evaluation_batch_is_filled_up_with_rows_that_do_not_count():
    lengths = numpy.random.default_rng(2).integers(5, 50, 21)
    loader = ResumableLoader(
        dataset(lengths), batch_size=8, training=False, bucketed=True, batch_lengths=choose_lengths(lengths, 2)
    )
    found = list(loader)
    assert [len(batch["labels"]) for batch in found] == [8, 8, 8]
    labels = torch.cat([batch["labels"] for batch in found])
    assert sorted(labels[labels != -100].tolist()) == list(range(21))


def test_a_data_module_says_its_lengths_and_predicts_in_order(tmp_path):
    sizes = {"min_length": 10, "max_length": 100, "num_train": 200, "num_val": 20, "num_test": 30}
    data = ListOps(root=str(tmp_path), padding="bucket", batch_size=8, **sizes)
    assert 1 < len(data.batch_lengths) <= 12
    shapes = {batch["tokens"].shape[1] for batch in (*data.train_dataloader(), *data.test_dataloader())}
    assert shapes <= set(data.batch_lengths)
    predicted = torch.cat([batch["labels"] for batch in data.predict_dataloader()])
    in_order = torch.cat([batch["labels"] for batch in ListOps(root=str(tmp_path), **sizes).test_dataloader()])
    assert torch.equal(predicted[:30], in_order)
    assert ListOps(root=str(tmp_path), padding="max", **sizes).batch_lengths == (100,)
    assert ListOps(root=str(tmp_path), **sizes).batch_lengths is None
