"""The extrapolation curve of a tested run."""

from contextlib import suppress
from pathlib import Path

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from wavspa_lit.reporting.curves import curve_of, draw_curves


class ExtrapolationCurve(Callback):
    """After `wavspa test`, draws accuracy against length or position, the trained range shaded.

    The picture is `extrapolation.png` in the run directory, and `extrapolation` in TensorBoard; the numbers are in
    results.json.
    """

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws tasks that report accuracy by group; does nothing for others."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        group_name, curve = curve_of(metrics)
        if not curve or trainer.fast_dev_run or not trainer.is_global_zero:  # type: ignore[attr-defined]
            return
        values, trained = pl_module.hparams["group_values"], pl_module.hparams["trained_groups"]
        trained_values = [values[index] for index in trained]
        figure = draw_curves({"test": [curve]}, group_name, trained_values, metrics.get("test/chance"))
        with suppress(OSError):  # `Results` says that the run directory cannot be written
            figure.savefig(Path(trainer.default_root_dir) / "extrapolation.png", dpi=150)
        if isinstance(trainer.logger, TensorBoardLogger):
            trainer.logger.experiment.add_figure("extrapolation", figure, trainer.global_step)
