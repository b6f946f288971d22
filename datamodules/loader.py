"""Loaders whose order depends on the seed and the epoch alone, and that continue in the middle of an epoch."""

import atexit
import signal
import warnings
from abc import abstractmethod
from collections.abc import Generator, Iterator
from typing import Any
from weakref import WeakSet

import numpy
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.buckets import pad_batch
from datamodules.names import IGNORED
from datamodules.order import EpochBatches, Rounded
from datamodules.workers import end_with_parent

GRACE = 60
"""Seconds that a worker process waits for the trainer to end it after SIGTERM."""
SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1}
"""What ends a training: the trainer's business, not that of worker processes."""
Batch = dict[str, Tensor]


class BatchDataset(Dataset[Batch]):
    """A dataset that builds a whole batch at once.

    Attributes:
        epoch: Set by the loader before each epoch, for data that change from one to the next. Worker processes get
            their copy when the epoch begins.
    """

    epoch: int = 0

    @abstractmethod
    def __len__(self) -> int:
        """Number of examples."""

    @abstractmethod
    def batch(self, indices: numpy.ndarray) -> Batch:
        """The batch of the examples at indices (batch,) int64."""

    def example_lengths(self) -> numpy.ndarray | None:
        """The length of each example, (examples,), to sort by; None if all are equally long, or it is not known."""
        return None

    def __getitem__(self, chosen: numpy.ndarray | Rounded) -> Batch:
        """The batch of the examples at indices. An index of -1 stands for an example whose labels are all ignored."""
        indices, length = chosen if isinstance(chosen, Rounded) else (chosen, None)
        batch = self.batch(numpy.where(indices < 0, max(0, int(indices.max())), indices))
        if length is not None:
            batch = pad_batch(batch, length)
        filler = torch.from_numpy(indices < 0)
        if filler.any():
            labels = batch["labels"].clone()
            labels[filler] = float("nan") if labels.is_floating_point() else IGNORED
            batch["labels"] = labels
        return batch


class ResumableLoader:
    """Batches of a dataset; its state is the number of examples that all ranks have seen in this epoch.

    A run can therefore resume with another batch size or number of ranks: the order stays, and so does the place in it.
    The order of bucketed batches depends on their size, though: then the rest of the epoch has another order, in which
    some examples come again.

    It wraps a DataLoader rather than being one, because Lightning takes DataLoaders apart and builds them anew, to put
    in samplers of its own. This one shares the examples among the ranks itself.

    Args:
        dataset: What to load.
        batch_size: Examples per batch and rank.
        training: Shuffle and drop the last incomplete batch; otherwise every example once, in order.
        seed: Seed of the order.
        rank: This process.
        world_size: Number of processes.
        num_workers: Processes that build batches. If 0, this process does.
        bucketed: Whether batches hold examples of similar length, if the dataset knows lengths. Evaluations then come
            in the order of the lengths.
        batch_lengths: Lengths to one of which batches are padded; if None, any length may occur.
        repeating: Let every epoch be the first.
        classes: (examples,) classes, of which each epoch of a training has equally many examples; if None, every
            example comes once.
    """

    def __init__(
        self,
        dataset: BatchDataset,
        *,
        batch_size: int,
        training: bool,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        num_workers: int = 0,
        bucketed: bool = False,
        batch_lengths: tuple[int, ...] | None = None,
        repeating: bool = False,
        classes: numpy.ndarray | None = None,
    ) -> None:
        self._dataset = dataset  # under another name Lightning, to overfit, would try to build the loader anew
        # Lightning looks for these two by name, and calls set_epoch of what it finds.
        self.batch_sampler = None
        self.sampler = EpochBatches(
            len(dataset),
            batch_size,
            training=training,
            seed=seed,
            rank=rank,
            world_size=world_size,
            lengths=dataset.example_lengths(),
            bucketed=bucketed,
            allowed=batch_lengths,
            repeating=repeating,
            classes=classes,
        )
        self._settings = {"examples": len(dataset), "stride": self.sampler.batch_size * world_size}
        self._loader = DataLoader(
            dataset,
            batch_size=None,  # the sampler gives the indices of whole batches
            sampler=self.sampler,
            num_workers=num_workers,
            prefetch_factor=4 if num_workers else None,
            # A generator of its own: otherwise each epoch would draw from, and shift, the global one.
            generator=torch.Generator().manual_seed(seed),
            pin_memory=torch.cuda.is_available() and num_workers > 0,
            worker_init_fn=_outlive_signals,
        )
        # Workers' batches are pinned by a thread of the DataLoader.
        self._pin = torch.cuda.is_available() and not num_workers
        self._done = self._resume = 0

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        """Yields the batches of an epoch; after a resume, those that were left of it."""
        batches = self._batches()
        _UNDER_WAY.add(batches)
        return batches

    def _batches(self) -> Generator[Batch, None, None]:
        # A generator function: its body runs at the first next(), when the trainer has set the epoch.
        self._done, self._resume = self._resume, 0
        self.sampler.start, self._dataset.epoch = self._done, self.sampler.epoch
        # Until a worker has its handlers it would die of the signals, as those of the trainer do not fit it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            batches = iter(self._loader)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for batch in batches:
            self._done += 1
            yield {name: pinned(tensor) for name, tensor in batch.items()} if self._pin else batch

    @property
    def examples(self) -> BatchDataset:
        """What is loaded."""
        return self._dataset

    def state_dict(self) -> dict[str, Any]:
        """Examples that all ranks have seen in the current epoch, 0 when it is complete, and how many there are."""
        return {"seen": self._done % len(self) * self._settings["stride"], "examples": self._settings["examples"]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Makes the next epoch go on where the state was taken; with another number of examples it starts anew."""
        if state["examples"] != self._settings["examples"]:
            before, now = state["examples"], self._settings["examples"]
            warnings.warn(f"resuming with {now} examples instead of {before}: the epoch starts anew", stacklevel=2)
            return
        self._resume = min(state["seen"] // self._settings["stride"], len(self) - 1)


def pinned(tensor: Tensor) -> Tensor:
    """A copy of the tensor in pinned memory, from which a GPU can fetch it while the training goes on.

    NumPy writes the copy, because PyTorch would share so little work among all threads, and wait for those that are
    busy. `Tensor.pin_memory` has taken 7 ms a batch.
    """
    copy = torch.empty_like(tensor, pin_memory=True)
    numpy.copyto(copy.numpy(), tensor.numpy())
    return copy


_UNDER_WAY: WeakSet[Generator[Batch, None, None]] = WeakSet()


@atexit.register
def _end_workers() -> None:
    """Ends epochs that were broken off, and their workers, because Python would wait for these to die of SIGTERM."""
    for batches in list(_UNDER_WAY):
        batches.close()


def _outlive_signals(worker: int) -> None:
    """Leaves signals to the trainer, which ends the workers when it has finished its step and saved.

    Ctrl-C, `timeout` and clusters signal whole process groups; a worker that dies of that takes the trainer with it.
    A worker whose trainer was killed ends by itself.
    """
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
