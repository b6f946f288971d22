"""Pictures and numbers for whatever logger there is."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

from wavspa_lit.reporting.events import tag_of
from wavspa_lit.reporting.pictures import Pixels, pixels

SECONDS = 5.0
"""Between two times at which TensorBoard's file is written."""


class Budget:
    """Keeps what is drawn during a training to a share of its time.

    Args:
        share: That share.
    """

    def __init__(self, share: float) -> None:
        self.share = share
        self.start()

    def start(self) -> None:
        """Starts the clock of the training."""
        self._began, self._spent, self._longest = time.perf_counter(), 0.0, 0.0

    @property
    def used_up(self) -> bool:
        """Whether drawing now, and once more in the end, would take more than its share of the time so far."""
        return self._spent + 2 * self._longest > self.share * (time.perf_counter() - self._began)

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Counts the time of the block."""
        began = time.perf_counter()
        yield
        took = time.perf_counter() - began
        self._spent, self._longest = self._spent + took, max(self._longest, took)


class Board(TensorBoardLogger):
    """TensorBoard in the order in which one reads: train, val, test, wavelet, speed.

    Groups of names have numbers, see `tag_of`. There is no card `epoch` at the top: epochs are `train/epoch`.
    """

    _flushed = 0.0

    def save(self) -> None:
        """Writes what was logged to the file, if that was last done some seconds ago.

        Lightning calls it whenever something is logged. It is not always done, because it waits for the disk while the
        GPU has nothing to do.
        """
        if time.monotonic() - self._flushed > SECONDS:
            super().save()
            self._flushed = time.monotonic()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """See `TensorBoardLogger`."""
        training = any(name.startswith("train/") for name in metrics)
        named = {("train/epoch" if name == "epoch" else name): value for name, value in metrics.items()}
        super().log_metrics({tag_of(n): v for n, v in named.items() if training or n != "train/epoch"}, step)


def tag_in(logger: TensorBoardLogger, name: str) -> str:
    """What a curve or picture is called there: with the number of its group, or in a logger of the user's without."""
    return tag_of(name) if isinstance(logger, Board) else name


def takes_pictures(trainer: Trainer) -> bool:
    """Whether a logger keeps pictures; most keep numbers only."""
    return any(isinstance(logger, (TensorBoardLogger, WandbLogger)) for logger in trainer.loggers)


def log_figure(trainer: Trainer, name: str, figure: Figure | Pixels, step: int) -> None:
    """Gives a picture to the loggers that take pictures: TensorBoard and W&B."""
    image = pixels(figure) if isinstance(figure, Figure) else figure
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(tag_in(logger, name), image, step, dataformats="HWC")
        elif isinstance(logger, WandbLogger):
            logger.log_image(name, [image], step)


def log_numbers(trainer: Trainer, values: dict[str, float], step: int, descriptions: dict[str, str]) -> None:
    """Gives numbers to all loggers; TensorBoard shows beside a curve what it means.

    Args:
        trainer: The trainer.
        values: Numbers by name.
        step: The step that they belong to.
        descriptions: What they mean, by a word of their names, such as `energy` for `wavelet_energy/layer_1_detail_1`.
    """
    for logger in trainer.loggers:
        if not isinstance(logger, TensorBoardLogger):
            logger.log_metrics(values, step)
            continue
        for name, value in values.items():
            said = next((text for word, text in descriptions.items() if word in name), "")
            scalars = SummaryMetadata.PluginData(plugin_name="scalars")
            metadata = SummaryMetadata(plugin_data=scalars, summary_description=said)
            summary = Summary(value=[Summary.Value(tag=tag_in(logger, name), simple_value=value, metadata=metadata)])
            logger.experiment.file_writer.add_summary(summary, step)
