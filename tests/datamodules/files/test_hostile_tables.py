"""Tables as users have them: each works, or ends in a line that names file, row and column."""

import gzip
import subprocess
import sys

import numpy
import pytest

from datamodules.errors import DataError

ROWS = [f"text {number},{'ab'[number % 2]}" for number in range(40)]


def csv_of(*rows, header="text,label"):
    return "\n".join([header, *ROWS, *rows]) + "\n"


def texts_of(data):
    """Every text, as it came out of the cache."""
    found = []
    for split in ("train", "val", "test"):
        dataset = data.dataset(split)
        for index in range(len(dataset)):
            tokens = dataset[numpy.array([index])]["tokens"][0]
            found.append(bytes((tokens[tokens > 0] - 1).tolist()).decode())
    return found


def test_quotes_commas_and_line_ends_in_fields(table, opened):
    data = opened(table(csv_of('"a ""quoted"", text\nof two lines",a', "it's,b", '"\r\n",a')))
    assert {'a "quoted", text\nof two lines', "it's", "\r\n"} <= set(texts_of(data))


def test_windows_line_ends_a_byte_order_mark_and_blank_lines(table, opened):
    text = "\ufeff" + csv_of().replace("\n", "\r\n\r\n")
    assert set(texts_of(opened(table(text)))) == {row.split(",")[0] for row in ROWS}


def test_utf_16(table, opened):
    assert "größe" in texts_of(opened(table(csv_of("größe,a").encode("utf-16"))))


def test_more_columns_than_are_needed_even_with_one_name(table, opened):
    rows = "\n".join(f"x{number},junk,{'ab'[number % 2]},more" for number in range(40))
    assert opened(table(f"text,extra,label,extra\n{rows}\n")).class_names == ("a", "b")


def test_other_delimiters(table, opened):
    table("text;label\n" + "a, b;1\nc;0\n" * 20)
    with pytest.raises(DataError, match=r"row 1 \(the names\): there is one column only, text;label; .*delimiter=';'"):
        opened("mine.csv")
    assert "a, b" in texts_of(opened("mine.csv", delimiter=";"))


def test_mixed_types_in_json_lines(table, opened):
    labels = ["1", "1.0", '"1"', "2", '"yes"', "true"] * 5
    data = opened(table("".join(f'{{"text": "x", "label": {label}}}\n' for label in labels), "mine.jsonl"))
    assert data.class_names == ("1", "2", "true", "yes")


def test_labels_are_ordered_by_number_if_all_are_numbers(table, opened):
    rows = "\n".join(f"x,{number % 12}" for number in range(60))
    assert opened(table(f"text,label\n{rows}\n")).class_names == tuple(map(str, range(12)))


def test_empty_sequences_are_passed_over_if_so_wished(table, opened):
    with pytest.warns(UserWarning, match="2 of 42 rows"):
        data = opened(table(csv_of(",a", ",b")), skip_empty=True)
    assert len(texts_of(data)) == 40


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(csv_of('"never closed,a'), r"row 41 \(line 42\).*quote", id="open quote"),
        pytest.param(csv_of("a,b,c"), r"row 41 \(line 42\): 3 columns instead of 2", id="too many columns"),
        pytest.param(csv_of("a"), r"row 41 \(line 42\): 1 columns instead of 2", id="too few columns"),
        pytest.param(
            csv_of(header="txt,label"), r"row 1 \(the names\), column 'text': .*txt, label.*data.text", id="no"
        ),
        pytest.param(csv_of(header="text,y"), r"row 1 \(the names\), column 'label': .*data.label", id="no label"),
        pytest.param(csv_of(header="text,text"), r"column 'text': stands 2 times \(columns 1, 2\)", id="header twice"),
        pytest.param(csv_of(",a"), r"row 41 \(line 42\), column 'text': .*empty", id="empty text"),
        pytest.param(csv_of("x, "), r"row 41 \(line 42\), column 'label': .*empty", id="empty label"),
        pytest.param("text,label\nx,a\ny,a\n", r"rows 1 to 2, column 'label': all have the label 'a'", id="one class"),
        pytest.param("", r"row 1: the file is empty", id="empty file"),
        pytest.param("text,label\n", "no examples", id="header alone"),
        pytest.param(csv_of().replace("\n", "\r"), r"row 1 \(line 1\): .*carriage return", id="old Macintosh"),
        pytest.param(
            csv_of().encode() + b"caf\xe9,a\n", r"row 41 \(line 42\), column 'text': byte 0xe9 is not UTF-8", id="latin"
        ),
        pytest.param(
            csv_of().encode() + b"x,\xff\n", r"row 41 \(line 42\), column 'label': byte 0xff is not UTF-8", id="label"
        ),
        pytest.param(b"PK\x03\x04\0\0\n\x80\n", r"column 'text': there is no such column", id="no table at all"),
    ],
)
def test_what_cannot_be_read_is_named(content, said, table, opened):
    with pytest.raises(DataError, match=rf"^mine\.csv.*{said}") as error:
        opened(table(content))
    assert "\n" not in str(error.value)


def test_a_file_that_was_cut_off_is_named(table, opened):
    packed = gzip.compress(csv_of().encode())
    with pytest.raises(DataError, match=r"^mine\.csv\.gz: not a whole file of gzip"):
        opened(table(packed[: len(packed) // 2], "mine.csv.gz"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": 5, "label": 1}', r"row 41 \(line 41\), column 'text': expected a text, got 5"),
        ('{"text": "x"}', r"row 41 \(line 41\), column 'label': missing"),
        ('{"text": "x", "label": ["a"]}', r"row 41 \(line 41\), column 'label': expected a class"),
        ('{"text": "x", "label": null}', r"row 41 \(line 41\), column 'label': expected a class"),
        ('{"text": "\\ud800", "label": 1}', r"row 41 \(line 41\), column 'text': .*surrogate"),
        ('{"text": "x", ', "line 41: not JSON"),
        ('["text", "label"]', "line 41: expected a JSON object"),
    ],
)
def test_what_cannot_be_read_of_json_lines_is_named(line, said, table, opened):
    rows = "".join(f'{{"text": "x", "label": {number % 2}}}\n' for number in range(40))
    with pytest.raises(DataError, match=rf"^mine\.jsonl, {said}"):
        opened(table(f"{rows}{line}\n", "mine.jsonl"))


def test_a_label_that_training_does_not_have_is_named(table, opened):
    test = table("text,label\nx,a\ny,c\n", "test.csv")
    with pytest.raises(DataError, match=r"^test\.csv, row 2 \(line 3\), column 'label': the label 'c' does not occur"):
        opened(table(csv_of()), test=test)


def test_numbers_taken_for_classes_are_named(table, opened, monkeypatch):
    monkeypatch.setattr("datamodules.files.labels.MOST_CLASSES", 5)
    rows = "\n".join(f"x,{number / 7}" for number in range(40))
    with pytest.raises(DataError, match=r"row 6 \(line 7\), column 'label': .*data\.target=regression"):
        opened(table(f"text,label\n{rows}\n"))


@pytest.mark.slow
def test_a_million_rows_are_read_in_bounded_memory(tmp_path):
    """In processes of their own: reading, which needs no PyTorch; what a command and the data module add to imports."""
    with (tmp_path / "big.csv").open("w") as file:
        file.write("text,label\n")
        file.writelines(f"{number:039d}x,{'abc'[number % 3]}\n" for number in range(10**6))
    # Of this process alone: what getrusage says begins with the peak of the process that started it.
    begin = "import re\nstatus = '/proc/self/status'\n"
    begin += "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open(status).read())[1]) / 1024\n"
    reading = (
        "import pathlib; from datamodules.files.reading import Reading, pack\n"
        "o = 'text', None, ('label',), 'split', (), None, None, 'id', 'text', 'bytes', None, 'class', ';', False\n"
        "folder = pathlib.Path('packed'); folder.mkdir()\n"
        "pack('big.csv', Reading(*o), folder)\nprint(peak())"
    )
    module = (
        "from datamodules import Files\nbefore = peak()\ndata = Files('big.csv', encoding='characters')\n"
        "data.prepare_data(); next(iter(data.train_dataloader()))\nprint(peak() - before)"
    )
    command = (
        "import torch\nbefore = peak()\nfrom datamodules.commands import run\n"
        "run(['info', 'files', '--train', 'big.csv'])\nprint(peak() - before)"
    )
    for code, most in ((reading, 150), (command, 120), (module, 200)):
        output = subprocess.check_output([sys.executable, "-c", begin + code], cwd=tmp_path, text=True)
        assert float(output.splitlines()[-1]) < most
