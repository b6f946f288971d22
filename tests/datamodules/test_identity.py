"""Data are known by what they are: wherever they lie, and whoever takes their place."""

import os
import shutil

import pytest

from datamodules import Image, Lego, ListOps, Pathfinder, Retrieval, Scan, Text
from datamodules.errors import DataError
from datamodules.fingerprints import fingerprint, remembered

TASKS = [ListOps, Text, Retrieval, Image, Pathfinder]
FEW = {"num_train": 3, "num_val": 2, "num_test": 2, "min_length": 5, "max_length": 60}


def test_a_fingerprint_is_that_of_the_contents(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "1.txt").write_text("one")
    shutil.copytree(tmp_path / "a", tmp_path / "copy" / "a")
    os.utime(tmp_path / "copy" / "a" / "b" / "1.txt", (0, 0))
    (tmp_path / "a" / "._foreign").write_text("x")
    before = fingerprint([tmp_path / "a"])
    assert before == fingerprint([tmp_path / "copy" / "a"])
    (tmp_path / "a" / "b" / "1.txt").write_text("two")
    assert before != fingerprint([tmp_path / "a"]) == remembered([tmp_path / "a"], tmp_path / "memory.json")
    (tmp_path / "a" / "b" / "1.txt").rename(tmp_path / "a" / "b" / "2.txt")
    assert fingerprint([tmp_path / "a"]) == remembered([tmp_path / "a"], tmp_path / "memory.json")
    (tmp_path / "memory.json").write_text("broken")
    assert fingerprint([tmp_path / "a"]) == remembered([tmp_path / "a"], tmp_path / "memory.json")


@pytest.mark.parametrize("kind", TASKS)
def test_copies_of_files_are_the_same_data_and_changed_ones_are_others(kind, release, tmp_path_factory):
    state = kind(root=str(release), source="files").state_dict()
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(release, copy, copy_function=shutil.copyfile, dirs_exist_ok=True)
    kind(root=str(copy), source="files").load_state_dict(state)
    for path in copy.rglob("*"):
        if path.is_file() and path.suffix not in (".png", ".npy"):
            path.write_bytes(path.read_bytes() + b"\n")
        elif path.is_file():
            path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"here files below {copy} \(\w+ \w{{8}}\), there files below {release} "):
        kind(root=str(copy), source="files").load_state_dict(state)
    other = kind(root=str(copy), source="files")
    other.other_data = True
    other.load_state_dict(state)


def test_a_generator_does_not_step_in_for_files_that_are_gone(release, tmp_path):
    state = ListOps(root=str(release)).state_dict()
    with pytest.raises(DataError, match=r"here generated data \(listops generator, version 1\), there files below"):
        ListOps(root=str(tmp_path / "elsewhere"), **FEW).load_state_dict(state)
    state = ListOps(root=str(tmp_path / "elsewhere"), **FEW).state_dict()
    with pytest.raises(DataError, match=r"give data\.source=generate for those, or --other_data"):
        ListOps(root=str(release)).load_state_dict(state)


def test_a_relative_root_is_that_of_the_training(release, tmp_path, monkeypatch):
    monkeypatch.chdir(release)
    state = Text(root=".").state_dict()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    data = Text(root=".", source="files")
    with pytest.warns(UserWarning, match=f"those of the training, below {release}"):
        data.load_state_dict(state)
    assert len(data.dataset("test")) == 20
    assert data.state_dict()["data"]["given"] == "."


def test_data_without_files_and_checkpoints_without_an_identity_pass(release):
    Lego(num_train=8, num_val=8, num_test=8).load_state_dict(Lego(num_train=9).state_dict())
    Text(root=str(release)).load_state_dict({})


def test_what_is_downloaded_later_is_compared_later(tmp_path, release):
    state = Text(root=str(release)).state_dict()
    data = Text(root=str(tmp_path / "elsewhere"), source="download")
    data.load_state_dict(state)  # nothing is known yet
    assert data.identity() is None


def test_scan_is_known_by_its_files(tmp_path):
    for name, words in (("train", ["jump", "walk"]), ("test", ["run"])):
        (tmp_path / f"tasks_{name}_length.txt").write_text("".join(f"IN: {w} OUT: I_{w.upper()}\n" for w in words))
    state = Scan(root=str(tmp_path)).state_dict()
    Scan(root=str(tmp_path)).load_state_dict(state)
    (tmp_path / "tasks_test_length.txt").write_text("IN: look OUT: I_LOOK\n")
    with pytest.raises(DataError, match="other data than the checkpoint's"):
        Scan(root=str(tmp_path)).load_state_dict(state)
