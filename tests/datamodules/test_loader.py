import itertools
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch

from datamodules.cache import GrowingArray, cached, entry_of
from datamodules.errors import DataError
from datamodules.loader import IGNORED, EpochBatches, ResumableLoader, _end_workers
from datamodules.packed import PackedDataset


def dataset(count=23):
    lengths = numpy.arange(count) % 4 + 1
    tokens = numpy.concatenate([numpy.full(n, i + 1) for i, n in enumerate(lengths)]).astype(numpy.uint8)
    return PackedDataset(tokens, numpy.concatenate(([0], lengths.cumsum())), numpy.arange(count))


def epoch(loader, number, count=None):
    loader.sampler.set_epoch(number)
    return [batch["labels"].tolist() for batch in itertools.islice(loader, count)]


def test_rows_are_padded_and_masked():
    batch = dataset()[numpy.array([0, 2, 6])]
    assert batch["tokens"].tolist() == [[1, 0, 0], [3, 3, 3], [7, 7, 7]]
    assert batch["mask"].tolist() == [[True, False, False], [True] * 3, [True] * 3]
    assert "mask" not in dataset()[numpy.array([2, 6])]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_for_a_gpu_are_pinned(workers):
    loader = ResumableLoader(dataset(), batch_size=5, training=False, num_workers=workers)
    batches = list(loader)
    assert all(tensor.is_pinned() for batch in batches for tensor in batch.values())
    assert [label for batch in batches for label in batch["labels"].tolist()][:23] == list(range(23))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [0, 1, 3, 4])
def test_resume_continues_with_the_next_batch(workers, stop):
    def loader():
        return ResumableLoader(dataset(), batch_size=5, training=True, seed=3, num_workers=workers)

    whole = loader()
    expected = [epoch(whole, number) for number in range(3)]
    first = loader()
    epoch(first, 0)
    before = epoch(first, 1, stop)
    assert before == expected[1][:stop]
    second = loader()
    second.load_state_dict(first.state_dict())
    if stop < 4:  # a complete epoch continues with the next
        assert epoch(second, 1) == expected[1][stop:]
    assert epoch(second, 2) == expected[2]


@pytest.mark.parametrize(("batch_size", "world_size"), [(5, 1), (10, 1), (5, 2)])
def test_resume_with_other_batches_goes_on_at_the_same_place(batch_size, world_size):
    first = ResumableLoader(dataset(40), batch_size=10, training=True)
    seen = [label for batch in epoch(first, 0, 2) for label in batch]
    others = []
    for rank in range(world_size):
        loader = ResumableLoader(dataset(40), batch_size=batch_size, training=True, rank=rank, world_size=world_size)
        loader.load_state_dict(first.state_dict())
        others += [label for batch in epoch(loader, 0) for label in batch]
    assert sorted(seen + others) == list(range(40))


def test_resume_with_other_data_starts_anew_and_says_so():
    loader = ResumableLoader(dataset(40), batch_size=10, training=True)
    with pytest.warns(UserWarning, match="40 examples instead of 23"):
        loader.load_state_dict({"seen": 10, "examples": 23})
    assert len(epoch(loader, 0)) == 4


def test_more_ranks_than_examples_are_refused():
    with pytest.raises(ValueError, match="2 examples are too few for 3 ranks"):
        ResumableLoader(dataset(2), batch_size=1, training=True, world_size=3)


def test_training_order_depends_on_seed_and_epoch():
    orders = [
        epoch(ResumableLoader(dataset(), batch_size=5, training=True, seed=s), e) for s, e in ((0, 0), (0, 1), (1, 0))
    ]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    torch.manual_seed(5)
    assert epoch(ResumableLoader(dataset(), batch_size=5, training=True), 0) == orders[0]


def test_the_global_generator_is_left_alone():
    loader = ResumableLoader(dataset(), batch_size=5, training=True)
    before = torch.get_rng_state()
    epoch(loader, 0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 5, 23, 24])
def test_evaluation_counts_every_example_once_on_any_number_of_ranks(world_size, count):
    ranks = [
        epoch(ResumableLoader(dataset(count), batch_size=4, training=False, rank=r, world_size=world_size), 0)
        for r in range(world_size)
    ]
    assert len({len(batches) for batches in ranks}) == 1
    seen = [label for batches in ranks for batch in batches for label in batch if label != IGNORED]
    assert sorted(seen) == list(range(count))


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_train_on_different_examples_in_equal_numbers(world_size):
    batches = [EpochBatches(23, 2, training=True, seed=0, rank=r, world_size=world_size) for r in range(world_size)]
    shares = [[int(i) for batch in rank for i in batch] for rank in batches]
    assert len({len(share) for share in shares}) == 1
    assert len(set(itertools.chain(*shares))) == sum(map(len, shares)) > 23 - 2 * world_size - world_size


def test_fewer_examples_than_a_batch_still_train():
    assert len(epoch(ResumableLoader(dataset(3), batch_size=8, training=True), 0)[0]) == 3


def test_cache_builds_once(tmp_path):
    calls = []

    def build(folder):
        calls.append(1)
        return {"a": numpy.arange(5)}

    for _ in range(2):
        assert cached(tmp_path, {"k": 1}, build)["a"].tolist() == [0, 1, 2, 3, 4]
    assert len(calls) == 1
    cached(tmp_path, {"k": 2}, build)
    assert len(calls) == 2


def test_processes_that_build_at_once_share_one_entry(tmp_path):
    code = """
import sys, time, numpy
from datamodules.cache import cached
def build(folder):
    time.sleep(0.5)
    return {"x": numpy.arange(9)}
print(cached(sys.argv[1], {"a": 1}, build)["x"].sum())
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0] for process in started] == ["36\n"] * 3
    assert len(list(tmp_path.iterdir())) == 1


def test_maps_that_a_build_laid_are_kept_below_relative_folders(tmp_path, monkeypatch):
    def build(folder):
        images = numpy.lib.format.open_memmap(folder / "images.npy", "w+", numpy.uint8, (10_000,))
        images[:] = 7
        tokens = GrowingArray(folder / "tokens.npy", numpy.uint8)
        tokens.append(bytes([9] * 10_000))
        return {"images": images, "tokens": tokens.close()}

    monkeypatch.chdir(tmp_path)
    arrays = cached("data", {"k": 1}, build)
    assert {name: array.tolist() for name, array in arrays.items()} == {"images": [7] * 10_000, "tokens": [9] * 10_000}


@pytest.mark.parametrize("damage", ["truncated", "foreign", "list", "other key", "no folder"])
def test_a_damaged_cache_is_rebuilt_with_a_warning(tmp_path, damage):
    def build(folder):
        return {"a": numpy.arange(5)}

    cached(tmp_path, {"k": 1}, build)
    (file,), (description,) = tmp_path.rglob("a.npy"), tmp_path.rglob("entry.json")
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-3])
    elif damage == "foreign":
        numpy.save(file, numpy.arange(5) + 1)
    elif damage == "list":
        description.write_text("[]")
    elif damage == "other key":
        description.write_text(description.read_text().replace('"k": 1', '"k": 2'))
    else:
        entry = file.parent
        file.unlink()
        description.unlink()
        entry.rmdir()
        entry.write_text("")
    with pytest.warns(UserWarning, match="damaged"):
        assert cached(tmp_path, {"k": 1}, build)["a"].tolist() == [0, 1, 2, 3, 4]


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(tmp_path):
    (tmp_path / "file").write_text("")

    def full(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match=r"cannot build the cache .*No space left on device\); make room"):
        cached(tmp_path, {}, full)
    with pytest.raises(DataError, match=r"cannot build the cache .*file.*data\.root"):
        cached(tmp_path / "file", {}, lambda folder: {"a": numpy.arange(3)})


def test_what_killed_builds_left_is_removed_in_time(tmp_path):
    entry = entry_of(tmp_path, {"k": 1})
    old, recent = entry.with_suffix(".old"), entry.with_suffix(".recent")
    for folder in (old, recent):
        folder.mkdir()
        (folder / "a.npy").write_bytes(b"half")
    os.utime(old, (0, 0))
    cached(tmp_path, {"k": 1}, lambda folder: {"a": numpy.arange(3)})
    assert sorted(path.name for path in tmp_path.iterdir()) == [entry.name, recent.name]


def test_a_failed_build_leaves_nothing(tmp_path):
    def fail(folder):
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError):
        cached(tmp_path, {}, fail)
    assert list(tmp_path.iterdir()) == []


def test_workers_end_with_the_epoch_that_was_broken_off():
    """At the end of the process Python would terminate them, and wait: they outlive the signals that end a trainer."""
    batches = iter(ResumableLoader(dataset(), batch_size=5, training=True, num_workers=1))
    next(batches)
    assert multiprocessing.active_children()
    _end_workers()
    assert not multiprocessing.active_children()


def test_workers_outlive_signals_from_their_first_moment():
    """The processes take a second to start here, and the group is signalled meanwhile."""
    code = """
import os, signal, sys, threading, time
from lightning import Trainer
from test_loader import ResumableLoader, dataset
from wavspa_lit.callbacks import Preemption
handlers, trainer = Preemption(), Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
handlers.on_train_start(trainer, None)
handlers.on_train_batch_end(trainer, None, None, None, 0)  # a training that has begun
os.register_at_fork(after_in_child=lambda: time.sleep(1))
for number in (signal.SIGTERM, signal.SIGUSR1):
    threading.Timer(0.5, os.killpg, (0, number)).start()
print(sum(len(batch["labels"]) for batch in ResumableLoader(dataset(), batch_size=5, training=False, num_workers=2)))
"""
    script = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert (script.returncode, script.stdout) == (0, "23\n"), script.stderr
    assert script.stderr.count("finishing the step") == 2


def test_growing_arrays_are_numpy_files(tmp_path):
    array = GrowingArray(tmp_path / "a.npy", numpy.uint8)
    for number in range(1000):
        array.append(bytes([number % 256]) * number)
    assert array.close().shape == (499_500,)
    loaded = numpy.load(tmp_path / "a.npy")
    assert loaded.dtype == numpy.uint8 and loaded[-1] == 999 % 256 and (loaded == 1).sum() == 1 + 257 + 513 + 769


def test_a_script_without_a_guard_may_generate(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from datamodules.workers import start_pool\n"
        "with start_pool(2) as pool:\n    print(sum(pool.map(abs, range(-3, 1))))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.stdout == "6\n", done.stderr
