"""The tasks of the arena: what batches hold, and how files are split."""

import shutil

import numpy
import pytest
import torch

from datamodules import Image, ListOps, Pathfinder, Retrieval, Text
from datamodules.lra import pathfinder
from datamodules.lra.image import grey
from datamodules.packed import holdout

TASKS = [ListOps, Text, Retrieval, Image, Pathfinder]
FEW = {"batch_size": 2}


def whole(dataset):
    return dataset.batch(numpy.arange(len(dataset)))


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("protocol", ["holdout", "lra"])
def test_every_task_iterates_over_files(kind, protocol, release):
    data = kind(root=str(release), source="files", protocol=protocol, **FEW)
    data.prepare_data()
    for split in ("train", "val", "test"):
        batch = data.dataset(split).batch(numpy.arange(2))
        assert batch["labels"].dtype == torch.int64 and batch["labels"].max() < data.num_classes
        assert batch["tokens"].dtype == torch.int64 and batch["tokens"].max() < data.vocab_size
        assert batch["tokens"].shape[-1] <= data.max_length
        if "mask" in batch:
            assert torch.equal(batch["mask"], batch["tokens"] != data.padding_id)
        else:
            assert (batch["tokens"] != data.padding_id).all()
    for batch in data.train_dataloader():
        assert len(batch["labels"]) == 2


def test_bytes_are_kept_as_they_are(release):
    batch = whole(Text(root=str(release), protocol="lra").dataset("train"))
    texts = [bytes(t.item() - 1 for t in row[mask]) for row, mask in zip(batch["tokens"], batch["mask"], strict=True)]
    for part, labels in (("neg", 0), ("pos", 1)):
        files = sorted((release / "aclImdb/train" / part).glob("*.txt"), key=lambda f: int(f.stem.split("_")[0]))
        assert [t for t, label in zip(texts, batch["labels"], strict=True) if label == labels] == [
            file.read_bytes() for file in files
        ]


def test_long_texts_are_cut_and_padding_is_set(release):
    data = Text(root=str(release), max_length=20, padding="max")
    assert whole(data.dataset("train"))["tokens"].shape == (18, 20)
    data = Text(root=str(release), max_length=200, padding="max")
    batch = whole(data.dataset("train"))
    assert batch["tokens"].shape == batch["mask"].shape == (18, 200)


def test_pairs_keep_quotes_and_stringified_bytes(release):
    batch = whole(Retrieval(root=str(release)).dataset("val"))
    assert batch["tokens"].shape[:2] == batch["mask"].shape[:2] == (6, 2)
    first, second = (bytes(t[t != 0].sub(1).tolist()).decode() for t in batch["tokens"][2])
    assert first == "b'eval paper 2\\n it\\'s \"quoted\"'"
    assert second == '"eval other 2 words words '
    assert batch["labels"].tolist() == [0, 1, 0, 1, 0, 1]
    cut = Retrieval(root=str(release), max_length=5).dataset("val")
    assert whole(cut)["tokens"].shape == (6, 2, 5)


def test_grey_levels_follow_the_original_pipeline():
    """By hand: floor(255.5 * (0.2989 r + 0.5870 g + 0.1140 b) / 255)."""
    colours = {(255, 255, 255): 255, (0, 0, 0): 0, (255, 0, 0): 76, (0, 255, 0): 149, (0, 0, 255): 29, (10, 20, 30): 18}
    images = numpy.zeros((len(colours), 3, 32, 32), numpy.uint8)
    images[:] = numpy.array(list(colours))[:, :, None, None]
    assert grey(images)[:, 3, 5].tolist() == list(colours.values())


def test_both_versions_of_cifar_are_the_same(tmp_path, fixtures):
    fixtures.cifar10(tmp_path / "py" / "cifar-10-batches-py")
    fixtures.cifar10(tmp_path / "bin" / "cifar-10-batches-bin", binary=True)
    one, two = (whole(Image(root=str(tmp_path / name)).dataset("train")) for name in ("py", "bin"))
    assert torch.equal(one["tokens"], two["tokens"]) and torch.equal(one["labels"], two["labels"])


def test_protocols_split_as_they_say(release):
    sizes = lambda data: [len(data.dataset(split)) for split in ("train", "val", "test")]  # noqa: E731
    assert sizes(Text(root=str(release))) == [18, 2, 20]
    lra = Text(root=str(release), protocol="lra")
    assert sizes(lra) == [20, 20, 20]
    assert torch.equal(whole(lra.dataset("val"))["tokens"], whole(lra.dataset("test"))["tokens"])
    image = Image(root=str(release), protocol="lra")
    assert sizes(image) == [90, 10, 20]
    assert image.dataset("val").chosen.tolist() == list(range(90, 100))
    held = Image(root=str(release)).dataset("val")
    assert sorted(whole(held)["labels"].tolist()) == list(range(10))
    assert sizes(Pathfinder(root=str(release))) == [19, 2, 3]


def test_a_holdout_is_stratified_disjoint_and_seeded():
    labels = numpy.repeat([0, 1, 2], [100, 50, 10])
    kept, held = holdout(labels, 0.1, seed=3)
    assert numpy.bincount(labels[held]).tolist() == [10, 5, 1]
    assert sorted([*kept, *held]) == list(range(160))
    assert held.tolist() == holdout(labels, 0.1, seed=3)[1].tolist() != holdout(labels, 0.1, seed=4)[1].tolist()


@pytest.mark.parametrize("text", [True, False])
def test_pathfinder_reads_both_kinds_of_metadata_in_order(tmp_path, text, fixtures):
    fixtures.pathfinder(tmp_path / "pathfinder32" / "curv_contour_length_14", text=text)
    data = Pathfinder(root=str(tmp_path), source="files")
    arrays = data.arrays("all", data.files())
    # batches 0, 1, 2, ..., 11, not 0, 1, 10, 11, 2, ...
    assert arrays["images"][:, 7, 7].tolist() == [10 * batch + number for batch in range(12) for number in range(2)]
    assert arrays["labels"].tolist() == [(batch + number) % 2 for batch in range(12) for number in range(2)]


def test_several_processes_read_the_same_images(release, monkeypatch):
    data = Pathfinder(root=str(release), source="files")
    images = data.arrays("all", data.files())["images"].copy()
    shutil.rmtree(data.cache)
    monkeypatch.setattr(pathfinder, "CHUNK", 10)
    assert numpy.array_equal(data.arrays("all", data.files())["images"], images)


def test_empty_images_are_left_out(release):
    folder = release / "lra_release/lra_release/pathfinder32/curv_contour_length_14"
    (folder / "imgs/1/sample_0.png").write_bytes(b"")
    data = Pathfinder(root=str(release), source="files")
    assert len(data.arrays("all", data.files())["labels"]) == 23


def test_black_is_not_padding_and_scalars_are_centred(release):
    tokens = whole(Pathfinder(root=str(release)).dataset("train"))["tokens"]
    assert tokens.shape == (19, 1024) and tokens.min() >= 1
    data = Pathfinder(root=str(release), pixels="scalars")
    scalars = whole(data.dataset("train"))["tokens"]
    assert data.vocab_size == 0 and scalars.dtype == torch.float32
    assert torch.allclose(scalars, (tokens - 1) / 127.5 - 1)


@pytest.mark.parametrize("kind", [Text, Retrieval, Image])
def test_stand_ins_are_called_so(kind, tmp_path):
    data = kind(root=str(tmp_path), source="generate", **FEW)
    with pytest.warns(UserWarning, match="stand-in"):
        data.prepare_data()
        batch = next(iter(data.train_dataloader()))
    assert batch["tokens"].max() < data.vocab_size and set(batch["labels"].tolist()) <= set(range(data.num_classes))


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Text, {"augment": True, "protocol": "lra"}, "data.augment=true is outside data.protocol=lra"),
        (Retrieval, {"augment": True}, "Retrieval has no augmentation"),
        (Text, {"protocol": "official"}, "data.protocol must be one of holdout, lra"),
        (Text, {"padding": "left"}, "data.padding must be one of"),
        (Text, {"max_length": 0}, "data.max_length must be at least 1"),
        (Image, {"pixels": "floats"}, "data.pixels must be tokens or scalars"),
        (Pathfinder, {"num_images": 3}, "data.num_images must be at least 10"),
    ],
)
def test_bad_settings_of_tasks_name_the_argument(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_bucketed_batches_hold_similar_lengths(tmp_path, fixtures):
    fixtures.imdb(tmp_path / "aclImdb", count=100)
    spread = {}
    for padding in ("batch", "bucket"):
        data = Text(root=str(tmp_path), padding=padding, batch_size=10)
        masks = [batch["mask"].sum(1) if "mask" in batch else torch.ones(1) for batch in data.train_dataloader()]
        spread[padding] = sum(float(m.max() - m.min()) for m in masks) / len(masks)
        seen = [batch["tokens"].sum(1).tolist() for batch in data.train_dataloader()]
        assert len(seen) == 18
    assert spread["bucket"] < spread["batch"] / 4


@pytest.mark.parametrize("kind", [Text, Retrieval])
def test_no_bucket_is_longer_than_what_is_read_of_a_text(kind, release):
    data = kind(root=str(release), max_length=30, padding="bucket", batch_size=2)
    assert data.batch_lengths[-1] == 30
    assert max(batch["tokens"].shape[-1] for batch in data.train_dataloader()) == 30
