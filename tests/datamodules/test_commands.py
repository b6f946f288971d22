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


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["info", "listops", "--source", "generat"], "did you mean generate?"),
        (["info", "listops", "--data.source", "generat"], "did you mean generate?"),
        (["info", "listops", "--sorce", "generate"], "did you mean --source?"),
        (["info", "listops", "--max_depth", "x"], "error: --max_depth 'x': expected a whole number"),
        (["info", "listop"], "did you mean listops?"),
    ],
)
def test_wrong_words_are_answered_in_a_line(arguments, part, capsys):
    with pytest.raises(SystemExit) as stop:
        commands.run(arguments)
    said = capsys.readouterr().err
    assert stop.value.code == 2 and part in said and said.count("\n") == 1


def test_flags_may_be_written_as_for_training(capsys, tmp_path):
    assert commands.run(["info", "listops", "--data.source", "generate", f"--data.root={tmp_path}"]) == 0
    assert "generated" in capsys.readouterr().out
