"""The progress of a preparation, as it arrives in a file."""

import time

from datamodules import bars


def test_in_a_file_progress_is_a_line_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(bars, "PERIOD", 0.05)
    with bars.bar(total=4, desc="images") as progress:
        for _ in range(4):
            time.sleep(0.06)
            progress.update()
    text = capsys.readouterr().err
    assert "\r" not in text and text.endswith("\n") and "\n\n" not in text
    shares = [line.removeprefix("images: ").split()[0] for line in text.splitlines()]
    assert shares[0] == "0%" and shares[-1] == "100%" and "50%" in shares


def test_what_is_soon_done_is_two_lines_or_none(capsys):
    for options in ({}, {"delay": 2}):
        for _ in bars.bar(range(1000), desc="images", **options):
            pass
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["0%", "100%"]
