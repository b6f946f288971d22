"""One label for a pair of sequences: Retrieval."""

from torch import Tensor

from wavspa_lit.nn import EncoderConfig, MatchingHead
from wavspa_lit.nn.heads import Activation, Interaction, Pooling
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Batch, Task


class SequenceMatching(Task):
    """Classifies pairs of sequences, both read by the same encoder (two towers).

    Args:
        encoder: The encoder.
        optimizer: AdamW and its schedule.
        pooling: What is read of each sequence: the CLS token (which only `cls` adds), the first state, the sum of
            the first and the last valid one, the mean or the maximum over the valid positions.
        interaction: concat: both pooled states; nli: also their product and difference.
        activation: Of the head's hidden layers, normed_gelu or relu; None: relu with `encoder.compat: official`,
            otherwise normed_gelu.
        vocab_size: Number of token ids; linked to the data.
        num_classes: Number of classes; linked to the data.
        max_length: Longest sequence; linked to the data.
    """

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        pooling: Pooling = "mean",
        interaction: Interaction = "nli",
        activation: Activation | None = None,
        *,
        vocab_size: int,
        num_classes: int,
        max_length: int,
    ) -> None:
        super().__init__(
            encoder,
            optimizer,
            vocab_size=vocab_size,
            num_classes=num_classes,
            max_length=max_length,
            cls_token=pooling == "cls",
            pooling=pooling,
            interaction=interaction,
            activation=activation,
        )
        config = self.encoder_config
        self.head = MatchingHead(
            config.dim,
            config.mlp_dim,
            num_classes,
            pooling,
            interaction,
            self.hparams["activation"],
            second_layer=config.conventions.second_layer,
        )

    def forward(self, batch: Batch) -> Tensor:
        """Logits (batch, classes) of `tokens` (batch, 2, length) under `mask` (batch, 2, length), if there is one."""
        mask = batch.get("mask")
        states, mask = self.encoder(batch["tokens"].flatten(0, 1), None if mask is None else mask.flatten(0, 1))
        return self.head(states, mask)
