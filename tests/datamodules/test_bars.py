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
    lines = [line for line in text.split("\n") if line]
    assert "\r" not in text and all(line.startswith("images: ") for line in lines)
    assert [line[8:12].strip() for line in lines[:4]] == ["25%", "50%", "75%", "100%"]


def test_what_is_soon_done_leaves_no_line(capsys):
    for _ in bars.bar(range(1000), desc="images"):
        pass
    assert not capsys.readouterr().err
