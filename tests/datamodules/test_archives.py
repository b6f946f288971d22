"""Downloads, and archives that lie there: found, unpacked, refused."""

import gzip
import http.server
import io
import tarfile
import threading

import pytest

from datamodules import Text, commands
from datamodules.errors import DataError
from datamodules.sources.archives import Archive, extract, fetch


def archive_of(folder, name="aclImdb_v1.tar.gz", inside="aclImdb"):
    with tarfile.open(folder / name, "w:gz") as tar:
        tar.add(folder / inside, inside)
    return folder / name


@pytest.fixture
def server(tmp_path):
    """Serves tmp_path/served, with ranges, and remembers what was asked."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            path, _, encoding = self.path.strip("/").partition("?")
            content = (tmp_path / "served" / path).read_bytes()
            content = gzip.compress(content) if encoding == "gzip" else content
            start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
            asked.append(start)
            self.send_response(206 if start else 200)
            if encoding:
                self.send_header("Content-Encoding", encoding.removeprefix("stored-"))
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:])

        def log_message(self, *_):
            pass

    (tmp_path / "served").mkdir()
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}", tmp_path / "served", asked
    served.shutdown()


def md5(file):
    import hashlib

    return "md5:" + hashlib.md5(file.read_bytes()).hexdigest()


def test_downloads_come_from_mirrors_and_resume(server, tmp_path):
    url, folder, asked = server
    (folder / "a.bin").write_bytes(bytes(range(256)) * 50)
    archive = Archive("http://127.0.0.1:9/a.bin", "13 kB", md5(folder / "a.bin"))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.bin.partial").write_bytes((folder / "a.bin").read_bytes()[:1000])
    file = fetch(archive, tmp_path / "d", [f"{url}/a.bin"])
    assert file.read_bytes() == (folder / "a.bin").read_bytes()
    assert asked == [1000]
    fetch(archive, tmp_path / "d", [f"{url}/a.bin"])
    assert asked == [1000] and [p.name for p in (tmp_path / "d").iterdir()] == ["a.bin"]


@pytest.mark.parametrize("name", ["a.bin", "a.tar.gz"])
@pytest.mark.parametrize("how", ["gzip", "stored-gzip"])
def test_a_server_that_compresses_while_it_sends_spoils_nothing(name, how, server, tmp_path):
    url, folder, _ = server
    content = bytes(range(256)) * 50
    (folder / name).write_bytes(content if name == "a.bin" else gzip.compress(content))
    if how == "stored-gzip" and name == "a.bin":
        pytest.skip("no server takes a plain file for a compressed one")
    archive = Archive(f"{url}/{name}", "13 kB", md5(folder / name))
    (tmp_path / "d").mkdir()
    assert fetch(archive, tmp_path / "d", [f"{url}/{name}?{how}"]).read_bytes() == (folder / name).read_bytes()
    assert [path.name for path in (tmp_path / "d").iterdir()] == [name]


def test_an_encoding_that_nobody_asked_for_is_said(server, tmp_path):
    url, folder, _ = server
    (folder / "a.bin").write_bytes(b"something")
    with pytest.raises(DataError, match=r"compressed as br, and only gzip can be undone"):
        fetch(Archive(f"{url}/a.bin?br", "9 B", md5(folder / "a.bin")), tmp_path / "d")


def test_a_wrong_file_is_refused_and_every_address_is_named(server, tmp_path):
    url, folder, _ = server
    (folder / "a.bin").write_bytes(b"something else")
    archive = Archive("http://127.0.0.1:9/a.bin", "13 kB", "md5:" + "0" * 32)
    with pytest.raises(DataError, match=r"a\.bin") as error:
        fetch(archive, tmp_path / "d", [f"{url}/a.bin"])
    assert url in str(error.value) and "127.0.0.1:9" in str(error.value)
    assert not (tmp_path / "d" / "a.bin").exists()


def test_text_is_downloaded_extracted_and_read(server, tmp_path, monkeypatch, fixtures):
    url, folder, _ = server
    fixtures.imdb(folder / "aclImdb")
    file = archive_of(folder)
    monkeypatch.setattr(Text, "archive", Archive("http://127.0.0.1:9/aclImdb_v1.tar.gz", "1 kB", md5(file)))
    data = Text(root=str(tmp_path / "data"), mirrors=[f"{url}/{file.name}"], batch_size=2)
    data.prepare_data()
    assert len(data.dataset("test")) == 20


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside.txt"])
def test_archives_cannot_write_outside(kind, name, tmp_path):
    import zipfile

    file = tmp_path / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, "x")
    else:
        with tarfile.open(file, "w") as archive:
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    with pytest.raises(DataError, match="refused"):
        extract(file, tmp_path / "folder")
    assert not (tmp_path / "outside.txt").exists() and list((tmp_path / "folder").iterdir()) == []


def test_a_truncated_archive_leaves_nothing(tmp_path, fixtures):
    fixtures.imdb(tmp_path / "aclImdb")
    file = archive_of(tmp_path)
    for content in (file.read_bytes()[:-200], gzip.compress(b"no tar"), b""):
        file.write_bytes(content)
        with pytest.raises(DataError, match="damaged"):
            extract(file, tmp_path / "folder")
        assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("place", [".", "downloads"])
@pytest.mark.parametrize("source", ["auto", "files", "download"])
def test_an_archive_that_is_there_is_unpacked(tmp_path, place, source, capsys, fixtures):
    fixtures.listops(tmp_path / "lra_release" / "lra_release" / "listops-1000")
    (tmp_path / "data" / place).mkdir(parents=True)
    archive_of(tmp_path, f"data/{place}/lra_release.gz", "lra_release")
    options = ["listops", "--root", str(tmp_path / "data"), "--source", source]
    assert commands.run(["info", *options]) == 0
    assert "lra_release.gz, not unpacked" in capsys.readouterr().out
    assert commands.run(["prepare", *options]) == 0
    assert "2 examples" in capsys.readouterr().out
