"""Pictures and numbers for whatever logger there is."""

from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

from wavspa_lit.reporting.pictures import pixels


def logged_step(trainer: Trainer) -> int:
    """The step at which Lightning logs the metrics of this moment, so that pictures stand beside their curves."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def takes_pictures(trainer: Trainer) -> bool:
    """Whether a logger keeps pictures; most keep numbers only."""
    return any(isinstance(logger, (TensorBoardLogger, WandbLogger)) for logger in trainer.loggers)


def log_figure(trainer: Trainer, name: str, figure: Figure, step: int) -> None:
    """Gives a picture to the loggers that take pictures: TensorBoard and W&B."""
    image = pixels(figure)
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(name, image, step, dataformats="HWC")
        elif isinstance(logger, WandbLogger):
            logger.log_image(name, [image], step)


def log_numbers(trainer: Trainer, values: dict[str, float], step: int, descriptions: dict[str, str]) -> None:
    """Gives numbers to all loggers; TensorBoard shows beside a curve what it means.

    Args:
        trainer: The trainer.
        values: Numbers by name.
        step: The step that they belong to.
        descriptions: What they mean, by the second part of their names, as in `wavelet/energy/layer_1`.
    """
    for logger in trainer.loggers:
        if not isinstance(logger, TensorBoardLogger):
            logger.log_metrics(values, step)
            continue
        for name, value in values.items():
            said = descriptions.get(name.split("/")[1], "")
            scalars = SummaryMetadata.PluginData(plugin_name="scalars")
            metadata = SummaryMetadata(plugin_data=scalars, summary_description=said)
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value, metadata=metadata)])
            logger.experiment.file_writer.add_summary(summary, step)
