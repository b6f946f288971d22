"""The data of a user's own files, without Lightning."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy
import torch
from torch import Tensor

from datamodules.errors import DataError
from datamodules.files.dataset import FilesDataset
from datamodules.files.encodings import Encoding
from datamodules.files.reading import about_of, pack, warn_of_skipped
from datamodules.files.schema import BLOCK, Normalise, Schema
from datamodules.files.settings import Sampling, Settings
from datamodules.files.store import Store
from datamodules.loader import BatchDataset, ResumableLoader
from datamodules.names import SPLITS, Padding, Split, Target
from datamodules.packed import Part
from datamodules.sequences import SequenceData


class FilesData(SequenceData):
    """Sequences of the user's own: a table (.csv, .tsv, .jsonl, .parquet), FASTA, a folder per class, .npz, .ts.

    What is learned from the training rows, such as the classes and their order, is kept in checkpoints, and is taken
    from there for evaluations and predictions. See docs/files.md.

    Args:
        train: Training file, or a folder that holds a folder per class.
        val: Validation file. If None, rows of the training file that its column `split` names or that are held out.
        test: Test file, likewise.
        text: Column of the sequence; a pattern such as `pixel_*` for a column per position.
        text2: Column of the second sequence of a pair. If None, examples are single sequences.
        label: Column of the label, or several for regression and multilabel. If None, rows have no labels.
        split: Column that says train, val or test, if the training file has it and neither val nor test is given.
        columns: Names of the columns, for files without a line that names them; .txt files are separated by tabs.
        delimiter: Character between columns. If None, a comma in .csv files, a tab in .tsv and .txt files.
        sequences: File of sequences, to which `text` and `text2` of the rows refer by id.
        sequences_id: Column of the id in that file.
        sequences_text: Column of the sequence in that file.
        encoding: bytes, characters, words (between white space), tokenizer, integers, or numbers (series of one or
            several channels). auto: tokenizer if one is given, numbers or integers for .ts, .npz and .npy files of
            these, otherwise bytes.
        tokenizer: JSON file of a Hugging Face tokenizer.
        vocabulary: Most words, characters or integers that are told apart; the most frequent of training are.
        target: class: one class; multilabel: any number of classes; regression: numbers; token: a class per position.
        separator: What separates the classes of a multilabel text.
        max_length: Positions after which sequences are cut off. If None, the length of the longest sequence, at most
            4096.
        val_fraction: Share of the training rows that are held out for validation, if nothing says which.
        test_fraction: The same for the test.
        normalise: Series are shifted and scaled to mean 0 and standard deviation 1. channel: by what the training rows
            say of each channel; series: each series and channel by itself.
        skip_empty: Pass over rows whose sequence is empty, instead of refusing them.
        sampling: Order of training. shuffled: every example once in an epoch; balanced: as many examples of each class,
            so that those of rare classes come several times.
        padding: batch: to the longest sequence of the batch; bucket: to one of at most twelve lengths; max: to
            max_length.
        cache: Folder of the packed arrays.
        schema: What a checkpoint holds of vocabulary, classes and normalisation. If None, learned from training rows.
        batch_size: Training examples per batch and rank.
        eval_batch_size: Evaluation examples per batch and rank. If None, batch_size.
        num_workers: Processes that build batches. If 0, the training process does.
        seed: Seed of what is held out, and of the order.
    """

    place = "data.train"

    def __init__(
        self,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        text: str = "text",
        text2: str | None = None,
        label: str | list[str] | None = "label",
        split: str | None = "split",
        columns: Sequence[str] = (),
        delimiter: str | None = None,
        sequences: str | None = None,
        sequences_id: str = "id",
        sequences_text: str = "text",
        encoding: Literal["auto"] | Encoding = "auto",
        tokenizer: str | None = None,
        vocabulary: int = 30000,
        target: Target = "class",
        separator: str = ";",
        max_length: int | None = None,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        normalise: Normalise = "channel",
        skip_empty: bool = False,
        sampling: Sampling = "shuffled",
        padding: Padding = "bucket",
        cache: str = "data/cache/files",
        schema: dict | None = None,  # without types of its values: parsers of commands would take a text `Any` for JSON
        *,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=eval_batch_size, num_workers=num_workers, seed=seed)
        labels = (label,) if isinstance(label, str) else tuple(label or ())
        self.settings = Settings(
            text=text,
            text2=text2,
            label=labels,
            split=split,
            columns=tuple(columns),
            delimiter=delimiter,
            sequences=sequences,
            sequences_id=sequences_id,
            sequences_text=sequences_text,
            encoding=encoding,
            tokenizer=tokenizer,
            vocabulary=vocabulary,
            target=target,
            separator=separator,
            max_length=max_length,
            fractions={"val": val_fraction, "test": test_fraction},
            normalise=normalise,
            skip_empty=skip_empty,
            sampling=sampling,
            padding=padding,
            cache=Path(cache),
            schema=schema,
        )
        self.store = Store({"train": train, "val": val, "test": test}, self.settings, seed)
        self.padding, self.bucketed = padding, padding == "bucket"
        self._inputs: FilesDataset | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def schema(self) -> Schema:
        """What is learned from the training rows, or was in a checkpoint."""
        return self.store.schema

    @property
    def vocab_size(self) -> int:
        """Number of token ids: padding, unknown and the vocabulary; 0 for series."""
        return self.schema.vocab_size

    @property
    def num_classes(self) -> int:
        """Number of classes, or of values for regression."""
        return max(1, len(self.schema.classes))

    @property
    def max_length(self) -> int:
        """See `SequenceData.max_length`."""
        return self.schema.max_length

    @property
    def class_names(self) -> tuple[str, ...]:
        """See `SequenceData.class_names`; for regression the names of the columns."""
        return tuple(self.schema.classes)

    @property
    def target(self) -> Target:
        """See `Facts`."""
        return self.schema.target

    @property
    def channels(self) -> int | None:
        """See `Facts`."""
        return self.schema.channels

    @property
    def paired(self) -> bool:
        """See `Facts`."""
        return self.settings.text2 is not None

    def identity(self) -> dict[str, Any] | None:
        """See `SequenceData.identity`; None without files."""
        return self.store.identity() if self.store.paths["train"] else None

    def state_dict(self) -> dict[str, Any]:
        """What checkpoints hold: the identity of the data, and what a model has to know of them."""
        return {**super().state_dict(), "schema": self.schema.plain()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See `SequenceData.load_state_dict`; files that are not here may lie where they did in training."""
        if self.input_names is None:
            self.store.find_moved((state_dict.get("data") or {}).get("places", {}))
        super().load_state_dict(state_dict)

    @classmethod
    def of_checkpoint(cls, path: str | Path, **settings: Any) -> "FilesData":
        """A data module that reads other files as those of a training were read.

        Args:
            path: A checkpoint.
            **settings: Arguments of `Files`, such as `text`, where they differ from their defaults.

        Raises:
            DataError: If the checkpoint is not of a training with `Files`.
        """
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True).get(cls.__qualname__, {})
        if "schema" not in state:
            raise DataError(f"{path}: not a checkpoint of a training with the data module Files")
        return cls(schema=state["schema"], **settings)

    def prepare_data(self) -> None:
        """Reads all files into the cache, once; does nothing after `read_inputs`."""
        if self.input_names is None:
            for split in SPLITS:
                self.dataset(split)

    def build_dataset(self, split: Split) -> BatchDataset:
        """See `SequenceData.build_dataset`."""
        packed, chosen = self.store.packed_of(split), self.store.chosen(split)
        dataset = FilesDataset(packed, self.schema, self.settings.ways, self._pad_to)
        if not len(chosen):
            raise DataError(
                f"{self.store.path_of(split)}: no rows for {split}; give data.{split}, or more rows to hold some out"
            )
        if dataset.any_unknown(chosen):
            self.store.refuse_label(split, self.schema)
        self._warn_of_cuts(split, dataset.full_lengths()[chosen])
        return dataset if len(chosen) == len(dataset) else Part(dataset, chosen)

    def _warn_of_cuts(self, what: str, lengths: numpy.ndarray) -> None:
        if cut := int((lengths > self.max_length).sum()):
            text = f"{cut} of {len(lengths)} {what} sequences are longer than data.max_length {self.max_length}"
            warnings.warn(f"{text} and are cut off", stacklevel=3)

    @property
    def _pad_to(self) -> int | None:
        return self.max_length if self.padding == "max" else None

    def training_labels(self) -> Iterator[Tensor]:
        """The labels of the training examples, block by block."""
        dataset, chosen = self.whole("train"), self.store.chosen("train")
        for start in range(0, len(chosen), BLOCK):
            yield dataset.labels_of(chosen[start : start + BLOCK])

    def training_classes(self) -> numpy.ndarray | None:
        """See `SequenceData.training_classes`."""
        if self.settings.sampling == "shuffled":
            return None
        return self.whole("train").classes_of(self.store.chosen("train"))

    def whole(self, split: Split) -> FilesDataset:
        """All examples of the file in which a split lies."""
        dataset = self.dataset(split)
        whole = dataset.whole if isinstance(dataset, Part) else dataset
        assert isinstance(whole, FilesDataset)
        return whole

    def read_inputs(self, path: str | Path) -> None:
        """See `SequenceData.read_inputs`; a file of any format that can be trained on, labels are not read."""
        self._folder = tempfile.TemporaryDirectory(prefix="wavspa-inputs-")
        packed = pack(path, self.store.reading, Path(self._folder.name), labelled=False, flag="--inputs")
        about = about_of(packed)
        warn_of_skipped(path, about)
        self._inputs = FilesDataset(packed, self.schema, self.settings.ways, self._pad_to)
        self.input_names = about["names"]
        self._warn_of_cuts("--inputs", self._inputs.full_lengths())

    def predict_dataloader(self) -> ResumableLoader:
        """See `SequenceData.predict_dataloader`."""
        if self._inputs is None:
            return super().predict_dataloader()
        return ResumableLoader(self._inputs, batch_size=self.eval_batch_size, training=False)
