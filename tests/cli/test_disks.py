"""Disks that are full, and folders that may only be read: a line that names the file, and nothing half written."""

import resource
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

import wavspa_lit.__main__ as entry
from wavspa_lit.cli import run
from wavspa_lit.files import replacing, writable

QUIET = ["--trainer.enable_progress_bar", "false"]


@contextmanager
def room_for(size):
    """Files grow to `size` bytes; beyond it the operating system refuses to write, as where a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def said(monkeypatch, capsys):
    """Runs a command that must end with status 1; returns the last line of its errors, without room to write."""

    def last_line(size, *arguments):
        monkeypatch.setattr(sys, "argv", ["wavspa", *arguments])
        with room_for(size), pytest.raises(SystemExit) as stop:
            entry.main()
        assert stop.value.code == 1
        return capsys.readouterr().err.strip().splitlines()[-1]

    return last_line


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_a_file_is_whole_or_not_there(tmp_path):
    (tmp_path / "old").write_text("old")
    with pytest.raises(OSError, match=r"'.*/old'"), room_for(1000), replacing(tmp_path / "old") as stream:
        stream.write("new" * 1000)
    assert (tmp_path / "old").read_text() == "old" and files(tmp_path) == ["old"]
    assert writable(tmp_path / "not" / "there")
    with room_for(1000):
        assert not writable(tmp_path)


def test_a_checkpoint_without_room_is_named_and_leaves_nothing(said, tiny, tmp_path):
    line = said(30_000, "fit", *tiny, "--run", "r", "--trainer.max_steps", "3", "--trainer.logger", "false")
    assert line.startswith(f"error: cannot write {tmp_path}/r/checkpoints/last.ckpt: ") and "make room" in line
    assert files("r") == ["config.yaml"]
    line = said(10_000, "fit", *tiny, "--run", "r2", "--trainer.max_steps", "3")  # TensorBoard's thread comes first
    assert line.startswith("error: cannot write r2: ")


def test_results_are_shown_where_they_cannot_be_kept(lego, said, tmp_path, capsys):
    lego("--run", "r", "--trainer.max_steps", "3")
    checkpoint = ["--ckpt_path", "r/checkpoints/best.ckpt", *QUIET]
    before = files("r")
    with room_for(10), pytest.warns(UserWarning, match=r"the results are shown but not kept: .*--run DIR"):
        run(["test", *checkpoint])
    assert "test/acc" in capsys.readouterr().out and files("r") == before
    with room_for(10), pytest.raises(SystemExit):
        run(["predict", *checkpoint, "--output", "answers.csv"])
    assert "--output answers.csv cannot be written" in capsys.readouterr().err and not Path("answers.csv").exists()
    run(["test", *checkpoint])
    assert said(100, "report", "r", "--output", "page.html").startswith("error: cannot write page.html: ")
    assert not list(tmp_path.glob("*page*"))


def test_images_that_cannot_be_written_are_drawn_again(said):
    command = ["data", "write", "pathfinder", "--root", "d", "--num_images", "10", "--difficulty", "easy"]
    line = said(100, *command)
    assert line.startswith("error: cannot write below d/pathfinder32/curv_baseline (") and "--root" in line
    entry.main()
    assert len(list(Path("d").rglob("*.png"))) == 10


@pytest.mark.parametrize("arguments", [["fit"], ["fit", "--run", "shut/r"]])
def test_a_training_that_may_write_nowhere_says_where(arguments, tiny, read_only, monkeypatch, capsys):
    place = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    (place / "shut").mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["wavspa", *arguments, *tiny, "--trainer.max_steps", "1"])
    read_only(place)
    with pytest.raises(SystemExit) as stop:
        entry.main()
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 1 and line.startswith("error: cannot write ") and "Permission denied" in line


def test_a_working_directory_that_was_removed_is_told(tmp_path, said, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert said(10**6, "list") == "error: the working directory was removed; change to another"
