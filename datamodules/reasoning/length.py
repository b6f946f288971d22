"""Length generalisation: trained on short questions, tested on all lengths up to far longer ones."""

from collections.abc import Collection, Sequence

import numpy

from datamodules.base import Split
from datamodules.errors import at_least_one
from datamodules.loader import Batch, BatchDataset
from datamodules.reasoning.base import ReasoningDataModule, StreamDataset, assemble
from datamodules.reasoning.task import LengthTask, Sample

BLOCKS_KEPT = 64


def layout(task: LengthTask, sample: Sample, group: int, trained: Collection[int]) -> Batch:
    """The batch of a sample. Symbol s has token id s + 1, and the query has the id after that of the last symbol."""
    questions, answers = sample
    return assemble(list(questions + 1), list(answers), [group] * len(questions), trained, len(task.alphabet) + 1)


class LengthStream(StreamDataset):
    """Each batch has one length, uniform among the first `trained`, as in the benchmark."""

    def __init__(self, task: LengthTask, lengths: Sequence[int], trained: int, seed: Sequence[int], count: int) -> None:
        super().__init__(seed, count)
        self.task, self.lengths, self.trained = task, lengths, range(trained)

    def draw(self, generator: numpy.random.Generator, count: int) -> Batch:
        """See `StreamDataset.draw`."""
        group = int(generator.integers(len(self.trained)))
        sample = self.task.sample(generator, self.lengths[group], count)
        return layout(self.task, sample, group, self.trained)


class LengthDataset(BatchDataset):
    """A fixed number of examples of each length, in the order of the lengths; a length is drawn when first needed."""

    def __init__(
        self, task: LengthTask, lengths: Sequence[int], trained: int, seed: Sequence[int], per_length: int
    ) -> None:
        self.task, self.lengths, self.trained, self.seed = task, lengths, range(trained), list(seed)
        self.per_length = per_length
        self._blocks: dict[int, tuple[numpy.ndarray, ...]] = {}

    def __len__(self) -> int:
        """See `BatchDataset.__len__`."""
        return self.per_length * len(self.lengths)

    def block(self, group: int) -> tuple[numpy.ndarray, ...]:
        """All questions and answers of a length, as int16. The lengths that were used last are kept."""
        if group not in self._blocks:
            while len(self._blocks) >= max(BLOCKS_KEPT, len(self.trained)):
                self._blocks.pop(next(iter(self._blocks)))
            length = self.lengths[group]
            sample = self.task.sample(numpy.random.default_rng([*self.seed, length]), length, self.per_length)
            self._blocks[group] = tuple(part.astype(numpy.int16) for part in sample)
        return self._blocks[group]

    def batch(self, indices: numpy.ndarray) -> Batch:
        """See `BatchDataset.batch`."""
        groups, numbers = indices // self.per_length, indices % self.per_length
        questions, answers = [], []
        for group, number in zip(groups.tolist(), numbers.tolist(), strict=True):
            question, answer = self.block(group)
            questions.append(question[number] + 1)
            answers.append(answer[number])
        return assemble(questions, answers, groups, self.trained, len(self.task.alphabet) + 1)


class LengthGeneralization(ReasoningDataModule):
    """Trains a task on questions of lengths 1 to max_train_length and tests it up to max_test_length.

    An encoder reads the question's tokens (symbol s has id s + 1), then one query token (the last id) for each answer;
    the answers are read there. Groups are lengths. Validation has trained lengths only; testing has every trained
    length and every `test_stride`-th beyond. Training, validation and test are drawn independently, because there are
    too few short questions to keep them apart, and longer questions hardly ever repeat.

    Args:
        task: What is asked.
        max_train_length: Longest trained question.
        max_test_length: Longest tested question.
        num_train: Training questions of an epoch.
        val_per_length: Validation questions of each trained length.
        test_per_length: Test questions of each tested length.
        test_stride: Distance of tested lengths beyond max_train_length; 1 tests all.
        stream: New questions each epoch, one length a batch; otherwise always the same ones, num_train / lengths of
            each length, in batches of mixed lengths.
        batch_size: Training examples per batch and rank.
        eval_batch_size: Evaluation examples per batch and rank. If None, batch_size.
        num_workers: Processes that build batches. If 0, the training process does.
        seed: Seed of the questions and of their order.
    """

    def __init__(
        self,
        task: LengthTask,
        *,
        max_train_length: int = 40,
        max_test_length: int = 500,
        num_train: int = 128_000,
        val_per_length: int = 64,
        test_per_length: int = 512,
        test_stride: int = 1,
        stream: bool = True,
        batch_size: int = 128,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=eval_batch_size, num_workers=num_workers, seed=seed)
        at_least_one(num_train=num_train, max_train_length=max_train_length, test_stride=test_stride)
        at_least_one(val_per_length=val_per_length, test_per_length=test_per_length)
        if max_test_length < max_train_length:
            raise ValueError(
                f"data.max_test_length={max_test_length} must not be below data.max_train_length={max_train_length}"
            )
        if not stream and num_train < max_train_length:
            raise ValueError(
                f"data.num_train={num_train} gives no question to some of the {max_train_length} trained lengths; "
                "raise it or set data.stream to true"
            )
        self.task, self.stream, self.max_train_length = task, stream, max_train_length
        beyond = range(max_train_length + test_stride, max_test_length + 1, test_stride)
        self.lengths = [*range(1, max_train_length + 1), *beyond]
        self.num_train = num_train
        self.per_length = {"train": num_train // max_train_length, "val": val_per_length, "test": test_per_length}

    @property
    def vocab_size(self) -> int:
        """Padding, the symbols of a question, and the query."""
        return len(self.task.alphabet) + 2

    @property
    def num_classes(self) -> int:
        """Number of different answers."""
        return self.task.num_classes

    @property
    def max_length(self) -> int:
        """The longest tested question with its queries."""
        return self._tokens(self.lengths[-1])

    @property
    def trained_length(self) -> int:
        """The longest trained question with its queries."""
        return self._tokens(self.max_train_length)

    @property
    def group_name(self) -> str:
        """Answers are reported by the length of the question."""
        return "length"

    @property
    def group_values(self) -> list[int]:
        """The tested lengths."""
        return list(self.lengths)

    @property
    def trained_groups(self) -> list[int]:
        """Indices of the trained lengths."""
        return list(range(self.max_train_length))

    @property
    def chance(self) -> float:
        """Accuracy of a uniform guess among the answers; see `LengthTask.chance`."""
        return self.task.chance

    def build_dataset(self, split: Split) -> BatchDataset:
        """See `SequenceDataModule.build_dataset`."""
        seed = [self.seed, ("train", "val", "test").index(split)]
        if split == "train" and self.stream:
            return LengthStream(self.task, self.lengths, self.max_train_length, seed, self.num_train)
        lengths = self.lengths if split == "test" else self.lengths[: self.max_train_length]
        return LengthDataset(self.task, lengths, self.max_train_length, seed, self.per_length[split])

    def _tokens(self, length: int) -> int:
        return self.task.input_length(length) + self.task.output_length(length)
