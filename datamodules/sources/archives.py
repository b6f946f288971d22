"""Archives: downloaded whole or not at all, extracted safely."""

import gzip
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pooch
import requests
import urllib3

from datamodules.bars import bar
from datamodules.errors import DataError

CHUNK = 1 << 20
GZIP = b"\x1f\x8b"
"""How files begin that gzip has compressed."""


@dataclass(frozen=True)
class Archive:
    """A file to download.

    Attributes:
        url: Its original address.
        size: How large it is, as messages say it.
        checksum: `sha256:...` or `md5:...`; None if it is not known.
    """

    url: str
    size: str
    checksum: str | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return PurePosixPath(self.url).name


def fetch(archive: Archive, folder: str | Path, mirrors: Sequence[str] = ()) -> Path:
    """Downloads an archive, continuing where an earlier attempt broke off.

    Args:
        archive: What to download.
        folder: Where it is kept; a file that is there already is checked and used.
        mirrors: Addresses that are tried before the original one.

    Raises:
        DataError: If no address gives the file, or gives another one; names each address with its reason.
    """
    folder = Path(folder)
    failures = []
    for url in (*mirrors, archive.url):
        try:
            file = pooch.retrieve(
                url, archive.checksum, fname=archive.name, path=folder, downloader=_Downloader(folder / archive.name)
            )
            return Path(file)
        except (OSError, ValueError) as error:
            failures.append(f"{url}: {str(error).splitlines()[0]}")
    raise DataError(f"could not download {archive.name} ({archive.size}): {'; '.join(failures)}")


class _Downloader:
    """Resumes; pooch checks the result and gives it its name.

    Bytes are kept as they are sent, because sizes and ranges count these. They are asked for as they are stored, but
    some servers compress all the same.
    """

    def __init__(self, target: Path) -> None:
        self.partial = target.with_name(f"{target.name}.partial")

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        have = self.partial.stat().st_size if self.partial.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, stream=True, timeout=30, headers=headers, allow_redirects=True) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self.partial.unlink()
                raise OSError("the partial download does not fit; it was removed, try again")
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                have = 0
            total = int(response.headers.get("content-length", 0)) + have or None
            progress = bar(desc=self.partial.stem, total=total, initial=have, unit="B", unit_scale=True)
            with self.partial.open("ab" if have else "wb") as stream, progress:
                try:
                    for chunk in response.raw.stream(CHUNK, decode_content=False):
                        stream.write(chunk)
                        progress.update(len(chunk))
                except urllib3.exceptions.HTTPError as error:
                    raise OSError(f"broke off ({error}); try again to continue") from error
            encoding = response.headers.get("content-encoding", "identity").lower()
        if total and self.partial.stat().st_size != total:
            raise OSError(f"broke off after {self.partial.stat().st_size} of {total} bytes; try again to continue")
        if encoding != "identity":
            _decode(self.partial, encoding)
        shutil.move(self.partial, output_file)


def _decode(file: Path, encoding: str) -> None:
    """Undoes the compression of a server, in place.

    Some servers say of a stored .gz file, too, that it is compressed. Such a file stays as it is: what it holds is not
    compressed once more.
    """
    plain = file.with_name(f"{file.name}.plain")
    try:
        if encoding not in ("gzip", "x-gzip"):
            raise OSError("only gzip can be undone")
        with gzip.open(file) as stream:
            stored = PurePosixPath(file.stem).suffix in (".gz", ".tgz")
            if stored and stream.peek(2)[:2] != GZIP:
                return
            with plain.open("wb") as out:
                shutil.copyfileobj(stream, out, CHUNK)
        plain.replace(file)
    except (OSError, EOFError, zlib.error) as error:
        plain.unlink(missing_ok=True)
        file.unlink()  # a later attempt would only continue the damaged file
        raise OSError(f"the server sends it compressed as {encoding}, and {error}; it was removed") from error


def extract(archive: Path, folder: str | Path, wanted: str = "") -> None:
    """Extracts the members of a tar or zip archive whose path contains `wanted`.

    Files of the same names are replaced, once all members have been extracted. Members that would land outside the
    folder are refused.

    Raises:
        DataError: If the archive is damaged, or holds a member with a dangerous name.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{archive.name}.", dir=folder))
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, partial, wanted)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(
                    partial,
                    bar(tar, desc=f"unpacking {archive.name}", unit=" files", mininterval=1),
                    filter=lambda member, path: tarfile.data_filter(member, path) if wanted in member.name else None,
                )
        for item in sorted(partial.iterdir()):
            if (folder / item.name).is_dir():
                shutil.rmtree(folder / item.name)
            item.chmod(item.stat().st_mode | 0o700)
            item.replace(folder / item.name)
    except tarfile.FilterError as error:
        raise DataError(f"{archive}: refused, {error}") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{archive}: damaged ({error}); delete it and download it again") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unzip(archive: Path, folder: Path, wanted: str) -> None:
    with zipfile.ZipFile(archive) as file:
        names = [name for name in file.namelist() if wanted in name]
        for name in names:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise DataError(f"{archive}: refused, {name!r} would land outside the folder")
        file.extractall(folder, names)
