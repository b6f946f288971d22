"""Wavelets in TensorBoard: how well they reconstruct, and what they pass."""

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from torch import nn

from wavspa_lit.callbacks.sharding import whole_parameters
from wavspa_lit.wavelets import FilterBank


class WaveletMonitor(Callback):
    """After each validation, logs each bank's reconstruction error and draws its frequency responses."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs `wavelet/reconstruction_error/{bank}` and the picture `wavelet/response/{bank}`."""
        logger = trainer.logger
        if trainer.sanity_checking or trainer.state.fn != "fit" or not isinstance(logger, TensorBoardLogger):
            return
        with whole_parameters(trainer):
            for name, bank in filter_banks(pl_module).items():
                error = float(bank.reconstruction_error())
                logger.experiment.add_scalar(f"wavelet/reconstruction_error/{name}", error, trainer.global_step)
                logger.experiment.add_figure(f"wavelet/response/{name}", draw_responses(bank), trainer.global_step)


def filter_banks(module: nn.Module) -> dict[str, FilterBank]:
    """The filter banks inside a module, by name."""
    return {name: bank for name, bank in module.named_modules() if isinstance(bank, FilterBank)}


def draw_responses(bank: FilterBank, channels: int = 8) -> Figure:
    """Draws the magnitude responses of the analysis filters, low-pass and high-pass, of the first `channels`."""
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    low, high = (response.detach().abs().float().cpu() for response in bank.frequency_response(128)[:2])
    for response, colour, label in ((low, "tab:blue", "low-pass"), (high, "tab:orange", "high-pass")):
        lines = response.reshape(len(response), -1)[:, :channels]
        axes.plot([i / (len(lines) - 1) for i in range(len(lines))], lines, color=colour, alpha=0.5)
        axes.plot([], [], color=colour, label=label)
    axes.set(xlabel="frequency (1 = Nyquist)", ylabel="magnitude")
    axes.legend()
    return figure
