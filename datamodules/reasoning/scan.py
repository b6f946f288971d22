"""SCAN, length split: commands and the actions they stand for (Lake and Baroni, arXiv 1711.00350)."""

from pathlib import Path
from typing import Any

import numpy

from datamodules.base import Split
from datamodules.fingerprints import fingerprint
from datamodules.reasoning.base import AnsweredDataset, ReasoningDataModule

COMMANDS = (
    *("jump", "run", "walk", "look", "turn", "left", "right"),
    *("opposite", "around", "twice", "thrice", "and", "after"),
)
ACTIONS = ("I_JUMP", "I_RUN", "I_WALK", "I_LOOK", "I_TURN_LEFT", "I_TURN_RIGHT")
FILES = ("tasks_train_length.txt", "tasks_test_length.txt")
LAYOUTS = (".", "length_split", "SCAN/length_split", "scan/length_split")
Pair = tuple[numpy.ndarray, numpy.ndarray]


def read_scan(file: Path) -> list[Pair]:
    """Reads `IN: command OUT: actions` lines, as token ids from 1 and action numbers from 0.

    Raises:
        ValueError: For a line of another form or with an unknown word, naming it; and for an empty file.
    """
    pairs = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        before, out, after = line.partition(" OUT:")
        command, actions = before.removeprefix("IN:").split(), after.split()
        if not (line.startswith("IN:") and out and command and actions):
            raise ValueError(f"{file}, line {number}: expected 'IN: command OUT: actions'")
        for words, known in ((command, COMMANDS), (actions, ACTIONS)):
            unknown = [word for word in words if word not in known]
            if unknown:
                raise ValueError(f"{file}, line {number}: unknown word {unknown[0]!r}; known: {', '.join(known)}")
        question = numpy.array([1 + COMMANDS.index(word) for word in command])
        pairs.append((question, numpy.array([ACTIONS.index(word) for word in actions])))
    if not pairs:
        raise ValueError(f"{file}: no commands; the file is empty")
    return pairs


class Scan(ReasoningDataModule):
    """SCAN's length split: trained on commands with few actions, tested on those with more.

    An encoder reads the command (token ids 1 to 13), then one query token (id 14) for each action: it is told how many
    actions there are. Groups are the numbers of actions. Validation holds out some of the training commands. The files
    belong to the user: https://github.com/brendenlake/SCAN, folder length_split.

    Args:
        root: Folder of `tasks_train_length.txt` and `tasks_test_length.txt`.
        val_fraction: Part of the training commands that validates instead.
        batch_size: Training examples per batch and rank.
        eval_batch_size: Evaluation examples per batch and rank. If None, batch_size.
        num_workers: Processes that build batches. If 0, the training process does.
        seed: Seed of the validation commands and of the order.

    Raises:
        FileNotFoundError: If root has no such files.
        ValueError: If they are not of SCAN's form.
    """

    def __init__(
        self,
        root: str = "data",
        val_fraction: float = 0.05,
        batch_size: int = 128,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=eval_batch_size, num_workers=num_workers, seed=seed)
        if not 0 < val_fraction < 1:
            raise ValueError(f"data.val_fraction must lie between 0 and 1, got {val_fraction}")
        folders = [Path(root) / layout for layout in LAYOUTS]
        folder = next((f for f in folders if all((f / name).is_file() for name in FILES)), None)
        if folder is None:
            raise FileNotFoundError(
                f"no {FILES[0]} and {FILES[1]} in {', '.join(map(str, folders))}; set data.root to the folder "
                "of SCAN's length_split"
            )
        self.files = [folder / name for name in FILES]
        train, test = map(read_scan, self.files)
        if len(train) < 2:
            raise ValueError(f"{folder / FILES[0]}: at least 2 commands are needed, got {len(train)}")
        order = numpy.random.default_rng(seed).permutation(len(train))
        held_out = min(max(1, round(val_fraction * len(train))), len(train) - 1)
        self.pairs: dict[Split, list[Pair]] = {
            "train": [train[i] for i in order[held_out:]],
            "val": [train[i] for i in order[:held_out]],
            "test": test,
        }
        self._trained_lengths = {len(actions) for _, actions in train}
        self._lengths = sorted(self._trained_lengths | {len(actions) for _, actions in test})

    def identity(self) -> dict[str, Any]:
        """See `SequenceDataModule.identity`."""
        root = str(self.files[0].parent.absolute())
        return {"source": "files", "fingerprint": fingerprint(self.files), "root": root}

    @property
    def vocab_size(self) -> int:
        """Padding, the words of commands, and the query."""
        return len(COMMANDS) + 2

    @property
    def num_classes(self) -> int:
        """Number of different actions."""
        return len(ACTIONS)

    @property
    def max_length(self) -> int:
        """The longest command with its queries."""
        return self._tokens("train", "val", "test")

    @property
    def trained_length(self) -> int:
        """The longest command of the training file with its queries."""
        return self._tokens("train", "val")

    @property
    def group_name(self) -> str:
        """Answers are reported by the number of actions."""
        return "length"

    @property
    def group_values(self) -> list[int]:
        """The numbers of actions that occur."""
        return list(self._lengths)

    @property
    def trained_groups(self) -> list[int]:
        """Indices of the numbers of actions that occur in training."""
        return [i for i, length in enumerate(self._lengths) if length in self._trained_lengths]

    @property
    def chance(self) -> float:
        """Accuracy of the action that is most frequent in the test."""
        actions = numpy.concatenate([answer for _, answer in self.pairs["test"]])
        return float(numpy.bincount(actions).max() / len(actions))

    def build_dataset(self, split: Split) -> AnsweredDataset:
        """See `SequenceDataModule.build_dataset`."""
        pairs = self.pairs[split]
        groups = [self._lengths.index(len(answer)) for _, answer in pairs]
        questions, answers = [question for question, _ in pairs], [answer for _, answer in pairs]
        return AnsweredDataset(questions, answers, groups, self.trained_groups, len(COMMANDS) + 1)

    def _tokens(self, *splits: Split) -> int:
        return max(len(question) + len(answer) for split in splits for question, answer in self.pairs[split])
