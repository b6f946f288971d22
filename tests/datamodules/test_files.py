"""The user's files among those of systems, archivers and our own cache."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy
import pytest

from datamodules import Image, ListOps, Text
from datamodules.errors import DataError
from datamodules.fingerprints import stamp
from datamodules.listing import files_below, files_in


def reviews(root, count):
    for part in ("train", "test"):
        for kind in ("pos", "neg"):
            folder = root / "aclImdb" / part / kind
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}_7.txt").write_text(f"{kind} review {number}")
                (folder / f"._{number}_7.txt").write_bytes(b"\0\5\x16\7 of another system")
    return root


def test_files_of_systems_and_archivers_are_passed_over_and_links_are_followed(tmp_path):
    (tmp_path / "a" / "__MACOSX").mkdir(parents=True)
    for name in ("a/1.txt", "a/._1.txt", "a/.DS_Store", "a/__MACOSX/2.txt", "elsewhere.txt", "b.png"):
        (tmp_path / name).write_text("x")
    (tmp_path / "a" / "linked.txt").symlink_to(tmp_path / "elsewhere.txt")
    (tmp_path / "a" / "round").symlink_to(tmp_path, target_is_directory=True)
    for name in ("itself.txt", "nowhere.txt"):
        (tmp_path / "a" / name).symlink_to(name if name == "itself.txt" else "nothing")
    names = [str(path.relative_to(tmp_path)) for path in files_below(tmp_path, "*.txt")]
    assert names == ["a/1.txt", "a/linked.txt", "elsewhere.txt"]
    assert [path.name for path in files_in(tmp_path / "a", "*.txt")] == ["1.txt", "linked.txt"]


def test_a_link_to_a_file_that_changes_changes_the_stamp(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "target").write_text("x")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "target")
    before = stamp([tmp_path / "data"])
    (tmp_path / "target").write_text("longer")
    assert stamp([tmp_path / "data"]) != before


def test_reviews_of_other_systems_do_not_count(tmp_path):
    assert len(Text(root=str(reviews(tmp_path, 10))).dataset("test")) == 20


def test_too_few_to_hold_any_out_is_said_with_their_number(tmp_path):
    with pytest.raises(DataError, match="8 examples are too few to hold any out for val"):
        Text(root=str(reviews(tmp_path, 4))).dataset("val")


def images(folder):
    folder.mkdir(exist_ok=True)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        records = numpy.zeros((20, 3073), numpy.uint8)
        records[:, 0] = numpy.arange(20) % 10
        records.tofile(folder / f"{name}.bin")
    return folder


def entries(folder):
    return sorted(path.name for path in (folder / "cache" / "image").iterdir())


def test_a_cache_in_the_folder_of_the_files_serves_again_also_when_both_have_moved(tmp_path):
    folder = images(tmp_path / "cifar")
    Image(root=str(folder)).prepare_data()
    before = entries(folder)
    Image(root=str(folder)).prepare_data()
    assert entries(folder) == before and len(before) == 2
    folder.rename(tmp_path / "moved")
    Image(root=str(tmp_path / "moved")).prepare_data()
    assert entries(tmp_path / "moved") == before


def test_a_copy_on_a_read_only_mount_serves_as_it_is(read_only):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:  # pytest's own folders are closed to others
        place = Path(name)
        place.chmod(0o777)
        images(place / "files")
        Image(root=str(place / "files")).prepare_data()
        Image(root=str(place / "files"), source="generate").prepare_data()
        copy = place / "copy"
        shutil.copytree(place / "files", copy, copy_function=shutil.copyfile)
        before = sorted(copy.rglob("*"))
        read_only(copy)
        for source in ("files", "generate"):
            data = Image(root=str(copy), source=source)
            data.prepare_data()
            assert data.state_dict()["data"]["source"].startswith(source)
        assert sorted(copy.rglob("*")) == before
        with pytest.raises(DataError, match=r"cannot build the cache .* let data.root be a folder of your own"):
            Image(root=str(copy), source="generate", seed=1).prepare_data()
        os.seteuid(os.getuid())


@pytest.mark.parametrize(
    "expression,problem",
    [
        ("[MAX 1 2 ] [MIN 3 4 ]", "do not nest"),
        ("] [MAX 1 2 ]", "do not nest"),
        ("1 2", "do not nest"),
        ("[MAX 1 [MIN 2 3 ]", "do not match"),
        ("[MAX ]", "has no arguments"),
        ("[MAX 1 2 ] ]", "do not nest"),
    ],
)
def test_expressions_that_do_not_nest_are_refused_with_file_and_line(tmp_path, expression, problem):
    for split in ("train", "val", "test"):
        (tmp_path / f"basic_{split}.tsv").write_text(f"Source\tTarget\n[MAX 1 2 ]\t2\n{expression}\t2\n")
    with pytest.raises(DataError, match=rf"basic_train.tsv, line 3: .*{problem}"):
        ListOps(root=str(tmp_path)).dataset("train")
