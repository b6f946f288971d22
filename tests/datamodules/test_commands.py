"""`wavspa data`."""

import pytest

from datamodules import commands


@pytest.mark.parametrize("task", ["listops", "text", "retrieval", "image", "pathfinder"])
def test_prepare_verify_info(task, release, capsys):
    for command in ("prepare", "verify", "info"):
        assert commands.run([command, task, "--root", str(release)]) == 0
        printed = capsys.readouterr().out
        assert "train" in printed and "test" in printed and "examples" in printed


def test_info_says_what_is_missing(tmp_path, capsys):
    assert commands.run(["info", "text", "--root", str(tmp_path), "--source", "files"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: no train/pos") and message.count("\n") == 1
    assert "Three ways out: --root, " in message and "--source=download" in message and "data.source" not in message
    assert commands.run(["info", "listops", "--root", str(tmp_path)]) == 0
    assert "generated" in capsys.readouterr().out


def test_info_does_not_build(release, capsys):
    options = ["text", "--root", str(release)]
    assert commands.run(["prepare", *options, "--source", "generate"]) == 0
    capsys.readouterr()
    assert commands.run(["info", *options]) == 0
    assert "`wavspa data prepare text` adds" in capsys.readouterr().out
    assert len(list((release / "cache" / "text").iterdir())) == 2


def test_unknown_tasks_list_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        commands.run(["info", "txt"])
    assert "retrieval" in capsys.readouterr().err
