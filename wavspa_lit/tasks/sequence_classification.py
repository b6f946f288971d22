"""One label for a sequence: ListOps, Text, Image, Pathfinder."""

from torch import Tensor

from wavspa_lit.nn import ClassificationHead, EncoderConfig
from wavspa_lit.nn.heads import Activation, Pooling
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Batch, Task


class SequenceClassification(Task):
    """Classifies sequences.

    Args:
        encoder: The encoder.
        optimizer: AdamW and its schedule.
        pooling: What the classifier reads: the CLS token (which only `cls` adds), the first state, the sum of the
            first and the last valid one, the mean or the maximum over the valid positions.
        activation: Of the head's hidden layer, normed_gelu or relu; None: relu with `encoder.compat: official`,
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
            activation=activation,
        )
        config = self.encoder_config
        self.head = ClassificationHead(config.dim, config.mlp_dim, num_classes, pooling, self.hparams["activation"])

    def forward(self, batch: Batch) -> Tensor:
        """Logits (batch, classes) of `tokens` (batch, length) under `mask` (batch, length), if there is one."""
        states, mask = self.encoder(batch["tokens"], batch.get("mask"))
        return self.head(states, mask)
