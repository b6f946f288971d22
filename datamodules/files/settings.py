"""The settings of `Files`, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from datamodules.files.encodings import ENCODINGS, Encoding
from datamodules.files.schema import Normalise
from datamodules.names import Padding, Split, Target

Sampling = Literal["shuffled", "balanced"]


@dataclass(frozen=True)
class Settings:
    """See `Files`."""

    text: str
    text2: str | None
    label: tuple[str, ...]
    split: str | None
    columns: tuple[str, ...]
    delimiter: str | None
    sequences: str | None
    sequences_id: str
    sequences_text: str
    encoding: Literal["auto"] | Encoding
    tokenizer: str | None
    vocabulary: int
    target: Target
    separator: str
    max_length: int | None
    fractions: Mapping[Split, float]
    normalise: Normalise
    skip_empty: bool
    sampling: Sampling
    padding: Padding
    cache: Path
    schema: Mapping[str, Any] | None = field(repr=False)

    @property
    def ways(self) -> Literal[1, 2]:
        """Sequences of an example."""
        return 1 if self.text2 is None else 2

    def __post_init__(self) -> None:
        choices: tuple[tuple[str, str, Sequence[str]], ...] = (
            ("encoding", self.encoding, ("auto", *ENCODINGS)),
            ("target", self.target, get_args(Target)),
            ("normalise", self.normalise, get_args(Normalise)),
            ("sampling", self.sampling, get_args(Sampling)),
            ("padding", self.padding, get_args(Padding)),
        )
        for name, value, known in choices:
            if value not in known:
                raise ValueError(f"data.{name} must be one of {', '.join(known)}, got {value!r}")
        for name, number in (("vocabulary", self.vocabulary), ("max_length", self.max_length)):
            if number is not None and number < 1:
                raise ValueError(f"data.{name} must be at least 1, got {number}")
        for split, fraction in self.fractions.items():
            if not 0 < fraction < 1 or sum(self.fractions.values()) >= 1:
                raise ValueError(
                    f"data.{split}_fraction must lie between 0 and 1 and leave rows to train on, got {fraction}"
                )
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise ValueError(f"data.delimiter must be one character, got {self.delimiter!r}")
        if not self.separator:
            raise ValueError("data.separator must not be empty; give the character between two classes")
        self._check_tokenizer()
        self._check_target()

    def _check_tokenizer(self) -> None:
        if self.encoding == "tokenizer" and self.tokenizer is None and self.schema is None:
            raise ValueError("data.encoding=tokenizer needs data.tokenizer, the JSON file of a Hugging Face tokenizer")
        if self.tokenizer is not None and self.encoding not in ("auto", "tokenizer"):
            raise ValueError(f"data.tokenizer is not read with data.encoding={self.encoding}; leave one of them out")

    def _check_target(self) -> None:
        target = self.target
        if len(self.label) > 1 and target not in ("regression", "multilabel"):
            raise ValueError(
                f"data.label: {len(self.label)} columns are for data.target regression or multilabel, not {target}"
            )
        if target == "token" and (self.text2 or self.sequences or self.tokenizer or self.encoding == "tokenizer"):
            raise ValueError(
                "data.target=token labels the positions of single sequences, whose tokens the file itself tells; leave "
                "out text2, sequences and tokenizer"
            )
        if self.sampling == "balanced" and target != "class":
            raise ValueError(f"data.sampling=balanced needs data.target=class, got {target}; leave it out")
