"""What the tests of the user's own files share."""

import pytest

from datamodules import Files


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(tmp_path):
    """Writes a file, and returns its name."""

    def write(content, name="mine.csv"):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return name

    return write


@pytest.fixture
def opened():
    """A data module whose splits have all been read."""

    def open_files(train, **settings):
        data = Files(train, **settings)
        data.prepare_data()
        return data

    return open_files
