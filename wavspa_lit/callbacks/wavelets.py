"""What the blocks have learned, in pictures and curves: filters, energy of the bands, attention."""

import re
from typing import Any

import numpy
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn

from wavspa_lit.callbacks.loggers import Budget, log_figure, log_numbers, takes_pictures
from wavspa_lit.callbacks.sharding import is_sharded, whole_parameters
from wavspa_lit.nn.inside import Inside, look_inside
from wavspa_lit.private import logged_step
from wavspa_lit.reporting.charts import draw_panels
from wavspa_lit.reporting.pictures import (
    Curves,
    draw_attention,
    draw_entropies,
    draw_scalogram,
    filter_curves,
    filter_panels,
    trains,
)
from wavspa_lit.spaces import SPACES
from wavspa_lit.tasks.base import Task
from wavspa_lit.wavelets import FilterBank, Lifting
from wavspa_lit.wavelets.bank import find_wavelet

CANDIDATES = 16
"""Validation examples among which one is chosen to look at: a short one would show little."""
SHARE = 0.009
"""Share of the training's time that all of this may take."""
MEANINGS = {
    "reconstruction_error": "Largest deviation of analysis and synthesis together from a pure delay, over all "
    "channels, as a gain: 0 means that nothing of the signal is lost.",
    "orthogonality_error": "Largest deviation of the analysis low-pass from orthonormality to its even shifts, over "
    "all channels: 0 for orthogonal wavelets.",
    "energy": "Share of the band in the energy of what enters the attention, for one validation example.",
    "entropy": "Entropy of the attention weights of one validation example, averaged over queries and heads: 0 if each "
    "query looks at one entry, 1 if it looks at all alike.",
}
"""What the curves mean, by a word of their names."""


class WaveletMonitor(Callback):
    """Shows, at the start and after each validation, what the blocks have learned.

    Curves: how well each layer's filters reconstruct and how orthogonal they are; of one validation example, the
    share of each band in the energy, and the entropy of softmax attention. Pictures: each layer's filters with those
    of the start in grey, and for the same example attention maps, entropy by head, and the size of the coefficients.

    The example is encoded apart from the training, which goes on unchanged. Pictures are left out of a validation if
    they have taken more than `SHARE` of the training's time so far, but not of the last one. With FSDP the example is
    left out, because no process holds the whole model.
    """

    def __init__(self) -> None:
        self._start: dict[str, Curves] = {}
        self._example: Tensor | None = None
        self._budget = Budget(SHARE)
        self._owed: int | None = None

    def state_dict(self) -> dict[str, Any]:
        """The filters at the start."""
        return {"start": self._start}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """A resumed training compares with its own start."""
        self._start = state_dict["start"]

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Keeps an example: the longest of `CANDIDATES` spread over the split, or the first one of other loaders."""
        fitting = trainer.state.fn == TrainerFn.FITTING and isinstance(pl_module, Task)
        if self._example is None and fitting and trainer.is_global_zero:
            split = getattr(trainer.val_dataloaders, "examples", None)
            if split is not None and (build := getattr(split, "batch", None)):  # one of our data modules
                spread = numpy.linspace(0, len(split) - 1, CANDIDATES).astype(numpy.int64)
                batch = trainer.precision_plugin.convert_input(build(spread))
            self._example = longest_sequence(batch).to(pl_module.device)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remembers the filters; shows them at step 0."""
        self._budget.start()
        self._owed = None
        if trainer.global_step == 0:
            with whole_parameters(trainer):
                self._start = {name: filter_curves(wavelet) for name, wavelet in wavelets(pl_module).items()}
            self._show(trainer, pl_module, logged_step(trainer), pictures=True)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs curves, and pictures unless they have taken too long."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            step, late = logged_step(trainer), self._budget.used_up
            self._owed = step if late else None
            self._show(trainer, pl_module, step, pictures=not late)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the last validation's pictures if they were left out."""
        step = -1 if self._owed is None else self._owed
        self._show(trainer, pl_module, step, pictures=self._owed is not None, curves=False)

    @torch.no_grad()
    def _show(
        self, trainer: Trainer, pl_module: LightningModule, step: int, *, pictures: bool, curves: bool = True
    ) -> None:
        with self._budget.spending():
            self._show_now(trainer, pl_module, step, pictures, curves)

    def _show_now(self, trainer: Trainer, pl_module: LightningModule, step: int, pictures: bool, curves: bool) -> None:
        pictures = pictures and takes_pictures(trainer)
        with whole_parameters(trainer):  # which all processes must enter, also those that show nothing
            if trainer.is_global_zero and trainer.loggers:
                if curves:
                    log_numbers(trainer, filter_errors(pl_module), step, MEANINGS)
                if pictures:
                    self._draw_filters(trainer, pl_module, step)
        if self._example is not None and trainer.loggers and (curves or pictures) and not is_sharded(trainer):
            with trainer.precision_plugin.forward_context():
                views = look_inside(pl_module.encoder, self._example)  # type: ignore[arg-type]
            space = space_name(pl_module)
            if curves:
                log_numbers(trainer, view_numbers(views, space), step, MEANINGS)
            if pictures:
                drawn = {"attention": draw_attention, "entropy_by_head": draw_entropies, "scalogram": draw_scalogram}
                for name, draw in drawn.items():
                    if (figure := draw(views)) is not None:
                        log_figure(trainer, f"{space}/{name}", figure, step)

    def _draw_filters(self, trainer: Trainer, pl_module: LightningModule, step: int) -> None:
        for name, wavelet in wavelets(pl_module).items():
            start = self._start.get(name, {})
            if trains(wavelet) or step == 0:
                title = name.replace("_", " ")
                named = pl_module.encoder_config.wavelet.name if isinstance(pl_module, Task) else ""
                if curves := filter_curves(wavelet):
                    figure = draw_panels(filter_panels(curves, start, title, name_at_start(start, named)))
                    log_figure(trainer, f"wavelet/filters/{name}", figure, step)


def longest_sequence(batch: dict[str, Tensor]) -> Tensor:
    """The longest sequence of a batch without its padding, (1, length) or (1, length, channels); of pairs the first."""
    tokens, mask = batch["tokens" if "tokens" in batch else "features"], batch.get("mask")
    if tokens.dim() == 4 or (tokens.dim() == 3 and not tokens.is_floating_point()):
        tokens, mask = tokens[:, 0], None if mask is None else mask[:, 0]
    if mask is None:
        return tokens[:1].clone()
    lengths = mask.sum(1)
    longest = int(lengths.argmax())
    return tokens[longest : longest + 1, : max(int(lengths[longest]), 1)].clone()


def wavelets(module: nn.Module) -> dict[str, nn.Module]:
    """The filter banks and lifting schemes inside a module, named `layer_2`, or `layer_2_level_1` if levels differ."""
    found: dict[str, nn.Module] = {}
    for name, wavelet in module.named_modules():
        if isinstance(wavelet, FilterBank | Lifting):
            match = re.search(r"blocks\.(\d+)\.space\.bank(?:\.(\d+))?$", name)
            numbers = [int(number) + 1 for number in match.groups() if number] if match else []
            words = zip(("layer", "level"), numbers, strict=False)
            found["_".join(f"{word}_{number}" for word, number in words) or name] = wavelet
    return found


def filter_errors(module: nn.Module) -> dict[str, float]:
    """How far each layer's filters are from reconstructing, and from being orthogonal."""
    values = {}
    for name, bank in wavelets(module).items():
        if isinstance(bank, FilterBank):
            values[f"wavelet/reconstruction_error/{name}"] = float(bank.reconstruction_error())
            values[f"wavelet/orthogonality_error/{name}"] = float(bank.orthogonality_error())
    return values


def space_name(module: LightningModule) -> str:
    """The group of the curves: `wavelet`, `token` or another space; `space` for one of the user's own."""
    name = module.hparams["encoder"]["space"]
    return name if name in SPACES else "space"


def view_numbers(views: list[Inside], space: str) -> dict[str, float]:
    """Share of each band in the energy, and the mean entropy of each attention, layer by layer.

    The last part of a name tells the curves apart, because TensorBoard shows it whole and cuts what stands before it.
    """
    values = {}
    for layer, view in enumerate(views, 1):
        if len(view.names) > 1:
            for name, share in zip(view.names, view.energy, strict=True):
                values[f"{space}_energy/layer_{layer}_{name.replace(' ', '_')}"] = float(share)
        for name, entropy in zip(view.attended, view.entropies, strict=False):
            values[f"{space}_entropy/layer_{layer}_{name.replace(' ', '_')}"] = float(entropy.mean())
    return values


def name_at_start(start: Curves, wavelet: str) -> str:
    """What the grey curves are: `db8 at the start`, or `grey: at the start` if the filters began as something else."""
    low = start.get("analysis low-pass")
    if low is None or not wavelet:
        return "grey: at the start" if start else "trained"
    named = torch.tensor(find_wavelet(wavelet).dec_lo, dtype=low.dtype)
    same = low.shape[1] == len(named) and torch.allclose(low, named.expand_as(low), atol=1e-4)
    return f"{wavelet} at the start" if same else "grey: at the start"
