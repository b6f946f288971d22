"""Files of the arena: where they are found, and what is said of broken and missing ones."""

import pickle
from pathlib import Path

import PIL.Image
import pytest

from datamodules import Image, ListOps, Pathfinder, Retrieval, Text
from datamodules.errors import DataError, MissingData

TASKS = [ListOps, Text, Retrieval, Image, Pathfinder]


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("nesting", ["lra_release/lra_release", "lra_release", "."])
def test_nestings_of_the_release_are_found(kind, nesting, tmp_path, fixtures):
    if kind in (Text, Image):
        pytest.skip("not in the release")
    folder = tmp_path / nesting
    fixtures.listops(folder / "listops-1000")
    fixtures.aan(folder / "tsv_data")
    fixtures.pathfinder(folder / "pathfinder32" / "curv_contour_length_14")
    assert kind(root=str(tmp_path), source="files").locate()


def test_the_inner_folder_of_the_release_is_taken(tmp_path, fixtures):
    fixtures.listops(tmp_path / "lra_release" / "listops-1000")
    fixtures.listops(tmp_path / "lra_release" / "lra_release" / "listops-1000")
    assert "lra_release/lra_release" in str(ListOps(root=str(tmp_path)).locate()["train"])


def test_folders_as_the_state_space_models_name_them(tmp_path, fixtures):
    fixtures.listops(tmp_path / "listops")
    fixtures.aan(tmp_path / "aan")
    fixtures.pathfinder(tmp_path / "pathfinder" / "pathfinder32" / "curv_contour_length_14")
    for kind in (ListOps, Retrieval, Pathfinder):
        assert kind(root=str(tmp_path), source="files").locate(), kind


AAN = "lra_release/lra_release/tsv_data/new_aan_pairs.train.tsv"
FOLDER = "lra_release/lra_release/pathfinder32/curv_contour_length_14"


def evil(folder):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (folder / "touched",))

    return pickle.dumps({b"data": Evil(), b"labels": [0]})


BROKEN = [
    (Retrieval, AAN, b"", "no pairs; the file is empty"),
    (Retrieval, AAN, b"1.0\ta\tb\tx\ty\n1.0\ta\tb\tx\n", "line 2: 4 columns instead of 5"),
    (Retrieval, AAN, b"1.0\ta\tb\tx\ty\ttab\n", "line 1: 6 columns instead of 5"),
    (Retrieval, AAN, b"2.0\ta\tb\tx\ty\n", "line 1: the label must be 0.0 or 1.0, got b'2.0'"),
    (Retrieval, AAN, b"1.0\ta\tb\t\ty\n", "line 1: an empty text"),
    (Text, "aclImdb/train/pos/3_9.txt", b"", "3_9.txt: the file is empty"),
    (Image, "cifar-10-batches-py/data_batch_2", b"\x80\x02}", "data_batch_2: not a batch of CIFAR-10"),
    (Image, "cifar-10-batches-py/data_batch_2", pickle.dumps({b"data": b"", b"labels": []}), "data_batch_2"),
    (Pathfinder, f"{FOLDER}/metadata/3.npy", b"imgs/3 sample_0.png 0 1\n", "line 1: 4 columns instead of 11"),
    (Pathfinder, f"{FOLDER}/metadata/3.npy", b"imgs/3 sample_0.png 0 7 1 1 1 1 1 1 1\n", "the label must be 0 or 1"),
    (Pathfinder, f"{FOLDER}/metadata/3.npy", b"../.. sample_0.png 0 1 1 1 1 1 1 1 1\n", "lies outside the folder"),
    (Pathfinder, f"{FOLDER}/metadata/3.npy", b"\x93NUMPY\x01\x00", "3.npy: not an array of strings"),
    (Pathfinder, f"{FOLDER}/imgs/3/sample_0.png", b"no picture", "sample_0.png: not an image"),
]


@pytest.mark.parametrize(("kind", "file", "content", "message"), BROKEN)
def test_broken_files_are_named_with_their_row(kind, file, content, message, release):
    (release / file).write_bytes(content)
    data = kind(root=str(release), source="files")
    with pytest.raises(DataError, match=message) as error:
        data.prepare_data()
    assert Path(file).name in str(error.value) and "\n" not in str(error.value)
    assert not [
        path for path in data.cache.rglob("*") if path.is_file() and ".npy" in path.name and "." in path.parent.name
    ]


def test_a_pickle_that_runs_code_is_refused(release):
    (release / "cifar-10-batches-py/data_batch_1").write_bytes(evil(release))
    with pytest.raises(DataError, match="it wants to run"):
        Image(root=str(release)).prepare_data()
    assert not (release / "touched").exists()


def test_labels_out_of_range_and_wrong_sizes_are_refused(tmp_path, fixtures):
    fixtures.cifar10(tmp_path, binary=True)
    file = tmp_path / "data_batch_1.bin"
    record = bytearray(file.read_bytes())
    record[0] = 10
    file.write_bytes(record)
    with pytest.raises(DataError, match="image 0 of train: label 10"):
        Image(root=str(tmp_path)).prepare_data()
    file.write_bytes(record[:-1])
    with pytest.raises(DataError, match=r"data_batch_1\.bin: .* are not whole records"):
        Image(root=str(tmp_path)).prepare_data()


def test_images_of_another_size_and_missing_ones_are_refused(release):
    picture = release / FOLDER / "imgs/0/sample_1.png"
    PIL.Image.new("L", (16, 32)).save(picture)
    with pytest.raises(DataError, match=r"sample_1\.png: 16 x 32 pixels instead of 32 x 32"):
        Pathfinder(root=str(release), source="files").prepare_data()
    picture.unlink()
    with pytest.raises(DataError, match=r"sample_1\.png: listed in the metadata, but not there"):
        Pathfinder(root=str(release), source="files").prepare_data()


@pytest.mark.parametrize("kind", TASKS)
def test_missing_data_name_the_paths_and_three_ways_out(kind, tmp_path):
    with pytest.raises(MissingData) as error:
        kind(root=str(tmp_path), source="files").prepare_data()
    message = str(error.value)
    assert str(tmp_path) in message and "\n" not in message
    for way in ("data.root", "data.source=download", "data.source=generate"):
        assert way in message


PARTIAL = [
    (Text, "aclImdb/test/pos"),
    (Image, "cifar-10-batches-py/test_batch"),
    (Retrieval, AAN),
    (Pathfinder, f"{FOLDER}/metadata"),
]


@pytest.mark.parametrize(("kind", "path"), PARTIAL)
def test_files_that_miss_others_name_them_and_three_ways_out(kind, path, release):
    (release / path).rename(release / "elsewhere")
    with pytest.raises(MissingData, match="missing beside the others") as error:
        kind(root=str(release)).prepare_data()
    assert str(release / path) in str(error.value) and "Three ways out" in str(error.value)
