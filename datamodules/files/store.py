"""The files of `Files`: packed into the cache, split, and what is learned from their training rows."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NoReturn

import numpy

from datamodules.cache import Arrays, cached, entry_of
from datamodules.errors import DataError
from datamodules.files.encodings import Encoding
from datamodules.files.labels import build_labels
from datamodules.files.opening import open_table
from datamodules.files.reading import VERSION, Reading, about_of, pack, warn_of_skipped
from datamodules.files.schema import LONGEST, Schema, learn
from datamodules.files.settings import Settings
from datamodules.files.splitting import hold_out
from datamodules.fingerprints import combined, remembered
from datamodules.names import SPLITS, Split


class Store:
    """The packed files of a data module; each is read when it is first asked for.

    Args:
        paths: The file of each split; None: its rows lie in the training file.
        settings: See `Settings`.
        seed: Seed of what is held out.
    """

    def __init__(self, paths: Mapping[Split, str | None], settings: Settings, seed: int) -> None:
        self.paths, self.settings, self.seed = dict(paths), settings, seed
        self._packed: dict[str, Arrays] = {}

    @cached_property
    def encoding(self) -> Encoding:
        """How sequences become numbers."""
        settings = self.settings
        if settings.schema is not None:
            return settings.schema["encoding"]
        if settings.encoding != "auto":
            return settings.encoding
        if settings.tokenizer:
            return "tokenizer"
        if settings.sequences:
            return open_table(settings.sequences, (), settings.delimiter, flag="data.sequences").kind  # type: ignore[return-value]
        return open_table(self.path_of("train"), settings.columns).kind  # type: ignore[return-value]

    @cached_property
    def reading(self) -> Reading:
        """What of the files is read."""
        settings, description = self.settings, None
        if settings.schema is not None:
            description = settings.schema.get("tokenizer")
        elif self.encoding == "tokenizer":
            try:
                description = Path(str(settings.tokenizer)).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"data.tokenizer {settings.tokenizer}: cannot be read ({error})") from error
        return Reading(
            text=settings.text,
            text2=settings.text2,
            label=settings.label,
            split=settings.split,
            columns=settings.columns,
            delimiter=settings.delimiter,
            sequences=settings.sequences,
            sequences_id=settings.sequences_id,
            sequences_text=settings.sequences_text,
            encoding=self.encoding,
            tokenizer=description,
            target=settings.target,
            separator=settings.separator,
            skip_empty=settings.skip_empty,
        )

    def path_of(self, split: Split) -> str:
        """The file in which a split lies."""
        path = self.paths[split] or self.paths["train"]
        if path is None:
            raise DataError("data.train: no file is given; give a table, or a folder with a folder per class")
        return path

    def key(self, path: str) -> dict[str, Any]:
        """All that the arrays of a file depend on, as plain data."""
        reading = asdict(self.reading)
        if self.reading.tokenizer:
            reading["tokenizer"] = hashlib.sha256(self.reading.tokenizer.encode()).hexdigest()
        sequences = self.settings.sequences
        marks = {"sequences": self._mark(sequences)} if sequences else {}
        return {"source": "files", "version": VERSION, "fingerprint": self._mark(path), **marks, "reading": reading}

    def _mark(self, path: str) -> str:
        table = open_table(path, () if path == self.settings.sequences else self.settings.columns)
        return remembered(table.contents(), self.settings.cache / "fingerprints.json")

    def packed_of(self, split: Split) -> Arrays:
        """The arrays of the file in which a split lies."""
        path = self.path_of(split)
        if path not in self._packed:
            build = partial(pack, path, self.reading, flag=f"data.{split}")
            self._packed[path] = packed = cached(self.settings.cache, self.key(path), build, flag="data.cache")
            about = about_of(packed)
            warn_of_skipped(path, about)
        return self._packed[path]

    def is_cached(self) -> bool:
        """Whether all files are packed."""
        return all(entry_of(self.settings.cache, self.key(self.path_of(split))).is_dir() for split in SPLITS)

    @cached_property
    def parts(self) -> dict[Split, numpy.ndarray]:
        """Sorted indices of the examples of each split in its file."""
        packed = self.packed_of("train")
        every = numpy.arange(about_of(packed)["examples"])
        own: dict[Split, numpy.ndarray] = {}
        for split in ("val", "test"):
            if self.paths[split]:
                own[split] = numpy.arange(about_of(self.packed_of(split))["examples"])
        if "splits" in packed:
            if own:
                raise DataError(
                    f"{self.path_of('train')}, column {self.settings.split!r}: the column says the splits, and so do "
                    f"data.{' and data.'.join(own)}; give data.split=null to take the files"
                )
            own = {split: numpy.flatnonzero(packed["splits"] == number) for number, split in enumerate(SPLITS)}
            every = own.pop("train")
            own = {split: chosen for split, chosen in own.items() if len(chosen)}
            if not len(every):
                raise DataError(f"{self.path_of('train')}, column {self.settings.split!r}: no row says train")
        wanted = {split: share for split, share in self.settings.fractions.items() if split not in own}
        strata = None
        if self.settings.target == "class" and self.settings.label:
            strata = packed["labels"][every]
        return {**hold_out(every, wanted, strata, self.seed), **own}

    def chosen(self, split: Split) -> numpy.ndarray:
        """Sorted indices of the examples of a split in its file."""
        return self.parts[split]

    def longest(self) -> int:
        """Positions of the longest sequence of all splits."""
        return max(int(numpy.diff(self.packed_of(split)["offsets"]).max()) for split in SPLITS)

    @cached_property
    def schema(self) -> Schema:
        """What is learned from the training rows, kept in the cache; or what a checkpoint held."""
        if self.settings.schema is not None:
            return Schema.from_plain(self.settings.schema)
        settings, train = self.settings, self.parts["train"]
        key = {
            **self.key(self.path_of("train")),
            "learned": [settings.vocabulary, settings.normalise, settings.max_length or min(self.longest(), LONGEST)],
            "rows": hashlib.sha256(train.tobytes()).hexdigest(),
        }
        kept = cached(settings.cache, key, lambda folder: {"schema": _as_bytes(self._learn().plain())})
        return Schema.from_plain(json.loads(kept["schema"].tobytes()))

    def _learn(self) -> Schema:
        settings, packed = self.settings, self.packed_of("train")
        learned = learn(
            packed,
            self.parts["train"],
            encoding=self.encoding,
            target=settings.target,
            columns=settings.label,
            tokenizer=self.reading.tokenizer,
            max_length=settings.max_length or min(self.longest(), LONGEST),
            vocabulary=settings.vocabulary,
            normalise=settings.normalise,
            ways=settings.ways,
        )
        least = {"class": 2, "token": 2, "multilabel": 1, "regression": 0}[settings.target]
        if settings.label and len(learned.classes) < least:
            what = f"all have the label {learned.classes[0]!r}" if learned.classes else "none has a label"
            raise DataError(
                f"{self.path_of('train')}, rows 1 to {about_of(packed)['examples']}, column {settings.label[0]!r}: "
                f"{what}, so there is nothing to learn; name another column with data.label"
            )
        return learned

    def identity(self) -> dict[str, Any]:
        """See `SequenceDataModule.identity`."""
        paths = [self.path_of(split) for split in SPLITS]
        if self.settings.sequences:
            paths.append(self.settings.sequences)
        root = str(Path(paths[0]).absolute().parent)
        places = {path: str(Path(path).absolute()) for path in paths}
        fingerprint = combined(map(self._mark, paths))
        return {"source": "files", "fingerprint": fingerprint, "root": root, "places": places, "taken": self._taken()}

    def _taken(self) -> dict[str, Any]:
        """The arguments that decide which rows and columns of the files are trained on and tested."""
        settings = self.settings
        taken = {name: getattr(settings, name) for name in ("text", "text2", "split", "skip_empty")}
        held = {f"{split}_fraction": settings.fractions[split] for split in ("val", "test") if not self.paths[split]}
        return taken | {"label": list(settings.label)} | held | ({"seed": self.seed} if held else {})

    def find_moved(self, places: Mapping[str, str]) -> None:
        """Takes files from where they were in a training, if their relative paths lead nowhere here.

        Args:
            places: Absolute paths by those that were given.
        """
        for split, path in self.paths.items():
            before = places.get(path or "")
            if path and before and not Path(path).is_absolute() and not Path(path).exists() and Path(before).exists():
                warnings.warn(f"data.{split} {path} is not here; the training's own is taken, {before}", stacklevel=2)
                self.paths[split] = before

    def refuse_label(self, split: Split, schema: Schema) -> NoReturn:
        """Says which row is the first with a class that the schema does not know."""
        settings = self.settings
        labels = build_labels(settings.target, settings.label, settings.separator, self.encoding)
        table, known = open_table(self.path_of(split), settings.columns), set(schema.classes)
        said = ", ".join(schema.classes[:10]) + (", …" if len(schema.classes) > 10 else "")
        for row in table.rows(settings.label):
            labels.read([row.values[name] for name in settings.label])
            for name in labels.names:
                if name not in known:
                    remedy = f"does not occur among the training rows ({said}); correct or remove the row"
                    table.fail(row.where, f"the label {name!r} {remedy}", ", ".join(settings.label))
        raise AssertionError("every label is known")


def _as_bytes(plain: dict[str, Any]) -> numpy.ndarray:
    return numpy.frombuffer(json.dumps(plain).encode(), numpy.uint8)
