"""Pathfinder images: what they show, and that they are always the same."""

import json

import numpy
import pytest

from datamodules import Pathfinder, commands
from datamodules.errors import DataError
from datamodules.sources.pathfinder import DASHES, SHARD, SIZES, Settings, draw, generate, shard
from datamodules.sources.pathfinder_release import write

WRONG = [
    ((48,), "data.resolution must be one of 32"),
    ((32, "no"), "easy"),
    ((32, "graded", 0, 15), "data.dashes must be 1 to 14, got 15"),
    ((32, "hard", 0, 2), "data.dashes=2 is for graded images, and data.difficulty is hard; use graded"),
]


@pytest.mark.parametrize(("values", "message"), WRONG)
def test_settings_are_checked(values, message):
    with pytest.raises(ValueError, match=message):
        Settings(*values)


@pytest.mark.parametrize("difficulty", DASHES)
@pytest.mark.parametrize("resolution", SIZES)
def test_images_use_the_whole_range_and_are_antialiased(resolution, difficulty):
    image, label, margin, dashes = draw(Settings(resolution, difficulty), 3)
    assert image.shape == (resolution, resolution) and image.dtype == numpy.uint8
    assert image.max() == 255 and image.min() == 0 and label in (0, 1) and margin in SIZES[resolution].margins
    assert len(numpy.unique(image)) > 30 and dashes in DASHES[difficulty]


def test_an_image_depends_on_its_number_and_the_settings_only():
    again, _ = shard(Settings(seed=1), 5, 8)
    for offset in range(3):
        assert (again[offset] == draw(Settings(seed=1), 5 + offset)[0]).all()
    assert (draw(Settings(seed=1), 5)[0] != draw(Settings(seed=2), 5)[0]).any()
    assert (draw(Settings(seed=1), 5)[0] != draw(Settings(seed=1), 6)[0]).any()
    assert (draw(Settings(difficulty="easy"), 5)[0] != draw(Settings(difficulty="hard"), 5)[0]).any()


def test_graded_images_have_lines_of_all_lengths():
    dashes = [draw(Settings(difficulty="graded"), index)[3] for index in range(100)]
    assert set(dashes) == set(range(1, 15))


def test_graded_images_may_have_short_lines_only():
    assert {draw(Settings(difficulty="graded", dashes=2), index)[3] for index in range(20)} == {1, 2}


def test_images_of_other_lengths_lie_apart_in_the_cache_and_those_of_before_where_they_lay(tmp_path):
    def key(**options):
        return Pathfinder(root=str(tmp_path), **options).generated_key("all")

    before = {"source": "pathfinder generator", "version": 1, "resolution": 32, "difficulty": "graded", "seed": 0}
    assert key(difficulty="graded") == before | {"count": 200_000}
    assert key(difficulty="graded", dashes=2) == before | {"dashes": 2, "count": 200_000}


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing():
    count = 2 * SHARD + 30
    one, two = (list(generate(Settings(), count, workers)) for workers in (1, 2))
    assert [len(labels) for _, labels in one] == [SHARD, SHARD, 30]
    for (images, labels), (others, other_labels) in zip(one, two, strict=True):
        assert (images == others).all() and (labels == other_labels).all()


def test_half_of_the_labels_are_one():
    _, labels = shard(Settings(difficulty="easy"), 0, 400)
    assert abs(labels.mean() - 0.5) < 0.1


def components(image):
    """Each group of bright pixels that touch, as a list of pixels."""
    left, groups = {(int(y), int(x)) for y, x in zip(*image.nonzero(), strict=True)}, []
    while left:
        group, ahead = [], [left.pop()]
        while ahead:
            y, x = ahead.pop()
            group.append((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            ahead += near
        groups.append(group)
    return groups


def test_the_label_says_whether_a_chain_of_dashes_joins_the_markers():
    """Within a line the next dash is never far; between lines, near dashes happen too, so only label 1 is certain."""
    joined = {0: [], 1: []}
    for index in range(40):
        image, label, *_ = draw(Settings(256, "easy"), index)
        joined[label].append(_joined(components(image > 90)))
    assert numpy.mean(joined[1]) == 1 and numpy.mean(joined[0]) < 0.6


def _joined(groups):
    groups = [numpy.array(group) for group in groups]
    markers = [index for index, group in enumerate(groups) if len(group) > 60]
    if len(markers) < 2:
        return False
    reached, ahead = set(), [markers[0]]
    while ahead:
        index = ahead.pop()
        reached.add(index)
        for other, group in enumerate(groups):
            if other not in reached:
                gaps = numpy.hypot(*(groups[index][:, None] - group[None]).transpose(2, 0, 1))
                if gaps.min() < 8:
                    ahead.append(other)
    return markers[1] in reached


@pytest.mark.slow
@pytest.mark.parametrize(
    ("resolution", "lit", "mean"), [(64, (0.23, 0.29), (14.5, 18.5)), (128, (0.14, 0.18), (8.1, 10.6))]
)
def test_statistics_are_those_of_the_release(resolution, lit, mean):
    """The ranges are those of eight images of each released set."""
    images, _ = shard(Settings(resolution), 0, 30)
    assert lit[0] < (images > 0).mean() < lit[1] and mean[0] < images.mean() < mean[1]
    assert (images.max((1, 2)) == 255).all()


def test_images_are_written_like_the_release_and_read_back(tmp_path):
    settings = Settings(32, "easy", seed=4)
    folder = tmp_path / "pathfinder32" / "curv_baseline"
    write(settings, folder, 12)
    data = Pathfinder(root=str(tmp_path), difficulty="easy", seed=4, source="files")
    arrays = data.arrays("all", data.files())
    images, labels = shard(settings, 0, 12)
    assert (arrays["images"] == images).all() and (arrays["labels"] == labels).all()
    assert json.loads((folder / "generated.json").read_text())["seed"] == 4
    with pytest.raises(DataError, match="holds other images"):
        write(Settings(32, "easy", seed=5), folder, 12)


def test_an_interrupted_writing_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("datamodules.sources.pathfinder_release.SHARD", 4)
    write(Settings(), tmp_path, 10)
    complete = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    (tmp_path / "metadata" / "1.npy").unlink()
    (tmp_path / "imgs" / "1" / "sample_2.png").unlink()
    kept = (tmp_path / "imgs" / "0" / "sample_0.png").stat().st_mtime_ns
    write(Settings(), tmp_path, 10)
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == complete
    assert (tmp_path / "imgs" / "0" / "sample_0.png").stat().st_mtime_ns == kept


def test_folders_that_were_written_before_lines_could_be_short_go_on(tmp_path):
    write(Settings(), tmp_path, 2)
    assert json.loads((tmp_path / "generated.json").read_text()) == {"resolution": 32, "difficulty": "hard", "seed": 0}


def test_files_of_short_lines_are_not_taken_for_those_of_all_lengths(tmp_path):
    command = ["write", "pathfinder", "--root", str(tmp_path), "--num_images", "12", "--difficulty", "graded"]
    assert commands.run([*command, "--dashes", "2"]) == 0
    data = Pathfinder(root=str(tmp_path), difficulty="graded", dashes=2, source="files")
    images, _ = shard(Settings(32, "graded", dashes=2), 0, 12)
    assert (data.arrays("all", data.files())["images"] == images).all()
    with pytest.raises(DataError):
        Pathfinder(root=str(tmp_path), difficulty="graded", source="files").prepare_data()


def test_the_command_writes_and_says_generated(tmp_path, capsys):
    assert commands.run(["write", "pathfinder", "--root", str(tmp_path), "--num_images", "12"]) == 0
    assert commands.run(["info", "pathfinder", "--root", str(tmp_path)]) == 0
    assert "(generated)" in capsys.readouterr().out
