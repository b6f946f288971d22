"""Where data come from: files below a root folder, an archive that lies there or is downloaded, or a generator."""

import warnings
from abc import abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from datamodules.base import SequenceDataModule
from datamodules.errors import DataError, MissingData
from datamodules.fingerprints import combined, remembered
from datamodules.sources.archives import Archive, extract, fetch

Source = Literal["auto", "files", "generate", "download"]

RELEASE = Archive("https://storage.googleapis.com/long-range-arena/lra_release.gz", "7.7 GB")
"""The official archive; a tar file despite its name. It may answer 403: then give a mirror, or files."""


class OriginDataModule(SequenceDataModule):
    """Data that are files in one of several known layouts, or generated.

    Args:
        root: Folder of the source data, in any known layout, and of the caches and downloads.
        source: See `ArenaDataModule`.
        mirrors: Addresses of the archive that are tried before the original one.
        **options: See `SequenceDataModule`.
    """

    archive: ClassVar[Archive] = RELEASE
    wanted: ClassVar[str]
    """The members of the archive whose path contains this are extracted."""
    expected: ClassVar[str]
    """The files that `locate` looks for, for messages."""
    own_generator: ClassVar[bool] = False
    """Whether generated data are the benchmark's, or like it; otherwise they are a stand-in."""

    def __init__(self, root: str, source: Source, mirrors: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self.root, self.source, self.mirrors = Path(root), source, tuple(mirrors)
        self._given_root = str(root)
        self._fingerprints: dict[tuple[str, Path], str] = {}

    @property
    @abstractmethod
    def task_name(self) -> str:
        """The task's name in folders and messages."""

    @property
    @abstractmethod
    def layouts(self) -> tuple[str, ...]:
        """Folders below root in which the files may lie."""

    @abstractmethod
    def found(self, folder: Path) -> dict[str, Path] | None:
        """The files that hold each part, if they lie in this folder; None if none of them does.

        Raises:
            MissingData: If some are missing beside the others.
        """

    @abstractmethod
    def generator(self) -> dict[str, Any]:
        """The name and the version of what generates data, as `source` and `version`."""

    def contents(self, part: str, files: Path) -> list[Path]:
        """The files and folders that a part is read from; `files` is the value of `found`."""
        return [files]

    def all_there(self, paths: Collection[Path]) -> bool:
        """Whether all of these exist; for `found`.

        Raises:
            MissingData: If only some do.
        """
        missing = [path for path in paths if not path.exists()]
        if not missing:
            return True
        if len(missing) < len(paths):
            raise MissingData(f"missing beside the others: {', '.join(map(str, missing))}. {self.ways_out()}")
        return False

    def searched(self) -> list[Path]:
        """The folders in which files are looked for."""
        bases = (self.root, self.root / "downloads" / self.task_name)
        return [base / layout for base in bases for layout in self.layouts]

    def locate(self) -> dict[str, Path] | None:
        """The files of each part, in the first folder that has them; None if none has."""
        for folder in self.searched():
            if folder.is_dir() and (files := self.found(folder)):
                return files
        return None

    def files(self) -> dict[str, Path] | None:
        """The files of each part, unpacked or downloaded if need be; None if the data are to be generated.

        Raises:
            MissingData: If there are none, and none to be had.
        """
        if self.source == "generate":
            return None
        if files := self.locate():
            return files
        if archive := self.local_archive():
            return self.unpack(archive)
        if self.source == "files":
            raise MissingData(f"{self.missing()}. {self.ways_out()}")
        return self.download() if self.source == "download" or not self.own_generator else None

    def local_archive(self) -> Path | None:
        """The archive, if it is there already."""
        files = (self.root / self.archive.name, self.root / "downloads" / self.archive.name)
        return next((file for file in files if file.is_file()), None)

    def download(self) -> dict[str, Path]:
        """Gets the archive and unpacks it."""
        try:
            file = fetch(self.archive, self.root / "downloads", self.mirrors)
        except DataError as error:
            raise MissingData(f"{self.missing()}, and {error}. {self.ways_out()}") from error
        return self.unpack(file)

    def unpack(self, archive: Path) -> dict[str, Path]:
        """Extracts the task's files, and locates them."""
        extract(archive, self.root / "downloads" / self.task_name, self.wanted)
        if files := self.locate():
            return files
        raise MissingData(f"{archive} does not hold {self.expected}. {self.ways_out()}")

    def missing(self) -> str:
        """What was not found, and where it was looked for."""
        folders = ", ".join(str(folder) for folder in self.searched()[: len(self.layouts)])
        return f"no {self.expected} in {folders}"

    def ways_out(self) -> str:
        """What a user without data can do."""
        kind = "generated data" if self.own_generator else "a synthetic stand-in"
        return (
            f"Three ways out: data.root, the folder that holds them or {self.archive.name}; data.source=download "
            f"({self.archive.url}, {self.archive.size}, or another address in data.mirrors); data.source=generate for "
            f"{kind}"
        )

    def fingerprint(self, part: str, files: Path) -> str:
        """The fingerprint of what a part is read from; the files are read when they are new, which takes a while."""
        if (part, files) not in self._fingerprints:
            memory = self.root / "cache" / "fingerprints.json"
            self._fingerprints[part, files] = remembered(self.contents(part, files), memory)
        return self._fingerprints[part, files]

    def identity(self) -> dict[str, Any] | None:
        """See `SequenceDataModule.identity`; None before files have been unpacked or downloaded."""
        files = None if self.source == "generate" else self.locate()
        if files:
            mark = combined(self.fingerprint(part, path) for part, path in files.items())
            where = {"given": self._given_root, "root": str(self.root.absolute())}
            return {"source": "files", "fingerprint": mark, **where}
        if self.source != "generate" and (not self.own_generator or self.source != "auto" or self.local_archive()):
            return None
        made = self.generator()
        return {"source": "generated", "generator": made["source"], "version": made["version"]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See `SequenceDataModule.load_state_dict`.

        A relative root means a folder of the directory in which the training was started. So if other data, or none,
        lie below the same relative root here, and the checkpoint's lie below that of the training, these are taken.
        """
        state, before = state_dict.get("data") or {}, self.root
        same_root = state.get("given") == self._given_root and not before.is_absolute()
        if self.input_names is None and self.source != "generate" and same_root and not self._is(state):
            self._move(state["root"])
            if self._is(state):
                warnings.warn(f"the data are those of the training, below {self.root}", stacklevel=2)
                return
            self._move(before)
        super().load_state_dict(state_dict)

    def _is(self, state: dict[str, Any]) -> bool:
        identity = self.identity()
        return identity is not None and identity.get("fingerprint") == state["fingerprint"]

    def _move(self, root: str | Path) -> None:
        """Takes another root, and forgets what was opened below the one before."""
        self.root = Path(root)
        self._datasets.clear()
