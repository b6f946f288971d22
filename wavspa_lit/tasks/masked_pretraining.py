"""Pretraining on the inputs alone: fill in tokens, or features, that are hidden."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from wavspa_lit.nn import EncoderConfig, TokenHead
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Batch, Task
from wavspa_lit.tasks.metrics import IGNORED
from wavspa_lit.tasks.objectives import Classes, Numbers

HIDDEN = 0  # the padding id, which no valid position has otherwise


class MaskedPretraining(Task):
    """Hides some of the positions and predicts them, over the data of any task; fine-tune with `--init_from`.

    Pretraining on a task's own inputs is what lets plain attention do well on long sequences (Amos et al., arXiv
    2310.02980). Hidden tokens become the padding id at valid positions. Validation and tests always hide the same ones
    of a batch. Pairs of sequences count as two sequences.

    Features (batch, length, channels) at hidden positions become 0, their mean if the data normalise them, and are
    predicted with the squared error as the loss (Zerveas et al., arXiv 2010.02803).

    Args:
        encoder: The encoder.
        optimizer: AdamW and its schedule.
        hidden: Share of the positions that are hidden.
        vocab_size: Number of token ids, and of classes; linked to the data.
        num_classes: Not used; linked to the data.
        channels: Numbers at each position of `features`; linked to the data. If None, the inputs are `tokens`.
        **data: Their other facts, see `Task`; linked to the data.
    """

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        hidden: float = 0.15,
        *,
        vocab_size: int,
        num_classes: int = 0,
        channels: int | None = None,
        **data: Any,
    ) -> None:
        if not vocab_size and channels is None:
            raise ValueError(
                "MaskedPretraining predicts tokens, and data.pixels=scalars has none; use data.pixels=tokens"
            )
        if not 0.0 < hidden < 1.0:
            raise ValueError(f"model.hidden must lie between 0 and 1, got {hidden}")
        answers = vocab_size if channels is None else channels
        super().__init__(
            encoder,
            optimizer,
            vocab_size=vocab_size,
            num_classes=answers,
            channels=channels,
            objective=Classes if channels is None else partial(Numbers, reads_labels=False),
            hidden=hidden,
            **data,
        )
        self.hidden = hidden
        self.head = TokenHead(self.encoder_config.dim, answers)

    def hide(self, batch: Batch, generator: torch.Generator | None = None) -> Batch:
        """The batch with some of its positions hidden, whose inputs are the labels.

        Args:
            batch: `tokens` (batch, length), or (batch, 2, length) for pairs, and their `mask`, if there is one. Or
                `features` with channels as the last axis instead of tokens.
            generator: A generator on the CPU that chooses the positions; None: the device's own.
        """
        of_tokens = self.input_name == "tokens"
        inputs = batch[self.input_name].flatten(0, -2 if of_tokens else -3)
        mask = batch["mask"].flatten(0, -2) if batch.get("mask") is not None else None
        positions = inputs.shape[:2]
        if generator is None:
            chosen = torch.rand(positions, device=inputs.device) < self.hidden
        else:
            chosen = (torch.rand(positions, generator=generator) < self.hidden).to(inputs.device)
        if mask is not None:
            chosen = chosen & mask
        which = chosen if of_tokens else chosen[..., None]
        labels = inputs.masked_fill(~which, IGNORED if of_tokens else torch.nan)
        hidden = {self.input_name: inputs.masked_fill(which, HIDDEN), "labels": labels}
        return hidden if mask is None else {**hidden, "mask": mask}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """See `Task.training_step`."""
        return super().training_step(self.hide(batch), batch_idx)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """See `Task.validation_step`."""
        super().validation_step(self.hide(batch, torch.Generator().manual_seed(batch_idx)), batch_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """See `Task.test_step`."""
        super().test_step(self.hide(batch, torch.Generator().manual_seed(batch_idx)), batch_idx)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """See `Task.predict_step`; without `probabilities`, because those of all tokens take too much memory."""
        answers = super().predict_step(self.hide(batch, torch.Generator().manual_seed(batch_idx)), batch_idx)
        return {name: value for name, value in answers.items() if name != "probabilities"}
