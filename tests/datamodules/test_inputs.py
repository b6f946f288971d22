"""A user's own examples: every encoding, line end and kind of picture that others send."""

import json
import struct
import zlib

import numpy
import PIL.Image
import pytest

from datamodules import Image, ListOps, Retrieval, Text
from datamodules.errors import DataError
from datamodules.inputs import read_records


def texts(file):
    return [record["text"] for record in read_records(file)]


@pytest.mark.parametrize(
    "content",
    [
        "text\tid\nä film\t1\nbad\t2\n".encode(),
        b"\xef\xbb\xbf" + "text\tid\r\nä film\t1\r\nbad\t2\r\n\r\n".encode(),
        "text\tid\r\nä film\t1\r\nbad\t2".encode("utf-16"),
    ],
    ids=["plain", "byte-order mark, CRLF, blank last line", "UTF-16 as spreadsheets save it"],
)
def test_tables_of_any_system_hold_the_same_texts(content, tmp_path):
    (tmp_path / "a.tsv").write_bytes(content)
    assert texts(tmp_path / "a.tsv") == ["ä film", "bad"]


def test_quotes_count_in_csv_and_are_characters_in_tsv(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'name,text\r\nfirst,"a ""good"", long\r\nfilm"\r\nsecond,bad\r\n')
    assert [(r["name"], r["text"]) for r in read_records(tmp_path / "a.csv")] == [
        ("first", 'a "good", long\r\nfilm'),
        ("second", "bad"),
    ]
    (tmp_path / "a.tsv").write_text('text\n"good" film\n')
    assert texts(tmp_path / "a.tsv") == ['"good" film']


def test_fields_may_be_longer_than_the_csv_module_allows_by_itself(tmp_path):
    long = "x" * 200_000
    (tmp_path / "a.csv").write_text(f'text\n"{long}"\n')
    (tmp_path / "a.tsv").write_text(f"text\n{long}\n")
    assert texts(tmp_path / "a.csv") == texts(tmp_path / "a.tsv") == [long]


def test_lines_of_json_may_hold_line_separators_and_pairs_of_surrogates(tmp_path):
    held = ["one\u2028line", "an \U0001f600"]
    lines = [json.dumps({"text": held[0]}, ensure_ascii=False), json.dumps({"text": held[1], "name": 7})]
    (tmp_path / "a.jsonl").write_bytes("\r\n".join([*lines, ""]).encode())
    assert texts(tmp_path / "a.jsonl") == held
    assert [record["name"] for record in read_records(tmp_path / "a.jsonl")] == ["1", "7"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", b"text\nfine\ncaf\xe9\n", "a.tsv, line 3: byte 0xe9 is not UTF-8"),
        ("a.tsv", b"text\tb\nx\ty\n\nz\tw\n", "a.tsv, line 3: 1 columns instead of 2"),
        ("a.csv", b'text\nfine\n"open\nstill\n', "a.csv, line 4: not a row of a .csv file"),
        ("a.csv", b"words\nfine\n", "a.csv: the first line must name the columns"),
        ("a.jsonl", b'{"text": "fine"}\n{"text": "\\ud83d"}\n', r"a.jsonl, line 2: text holds \\ud83d, one half"),
        ("a.jsonl", b'{"text": "fine"}\n{"text": \n', "a.jsonl, line 2: not JSON"),
        ("a.jsonl", b'{"text": ["fine"]}\n', "a.jsonl, line 1: text must be a text"),
        ("a.jsonl", b'["fine"]\n', "a.jsonl, line 1: expected an object with text"),
        ("a.txt", b"fine\ncaf\xe9", "a.txt, line 2: byte 0xe9 is not UTF-8"),
        ("a.png", b"no picture", "a.png: not an image"),
        ("a.doc", b"", "a.doc: .doc; give a .csv"),
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_row(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_records(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        (ListOps, "text\n[MAX 1 2 ]\n[MAX 1\n", "a.tsv, line 3: the brackets"),
        (Retrieval, "text\ttext2\nx\ty\nx\t\n", "a.tsv, line 3: it has no text2"),
        (Text, "text\n\nx\n", "a.tsv, line 2: it has no text"),
        (Image, "text\nx\n", "a.tsv, line 2: it is a text"),
    ],
)
def test_what_a_task_cannot_use_is_named_with_file_and_row(kind, content, message, tmp_path):
    (tmp_path / "a.tsv").write_text(content)
    with pytest.raises(DataError, match=message):
        kind().read_inputs(tmp_path / "a.tsv")


def test_a_folder_of_texts_and_one_of_them_are_read_alike(tmp_path):
    for name in ("b.txt", "a.TXT", "._a.txt"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + name.encode())
    assert [(r["name"], r["text"]) for r in read_records(tmp_path)] == [("a.TXT", "a.TXT"), ("b.txt", "b.txt")]
    assert texts(tmp_path / "b.txt") == ["b.txt"]
    PIL.Image.new("L", (32, 32)).save(tmp_path / "c.png")
    with pytest.raises(DataError, match=r"both .png and .txt files"):
        read_records(tmp_path)


def deep_png(levels):
    """A PNG with 16 bits per pixel, by hand."""
    height, width = levels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows)))
    parts = [
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in (*chunks, (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_sixteen_bits_are_scaled_and_palettes_looked_up(tmp_path):
    levels = numpy.arange(1024).reshape(32, 32) % 256
    (tmp_path / "deep.png").write_bytes(deep_png(levels * 257))
    plain = PIL.Image.fromarray(levels.astype(numpy.uint8))
    plain.save(tmp_path / "plain.png")
    backwards = PIL.Image.fromarray(255 - levels.astype(numpy.uint8))
    backwards.putpalette([level for level in range(255, -1, -1) for _ in range(3)])
    backwards.save(tmp_path / "palette.png")
    for record in read_records(tmp_path):
        assert numpy.array_equal(record["image"], levels), record["name"]
    assert numpy.array_equal(read_records(tmp_path / "deep.png")[0]["image"], levels)
