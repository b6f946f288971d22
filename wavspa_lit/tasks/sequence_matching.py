"""One label for a pair of sequences: Retrieval."""

from functools import partial
from typing import Any

from torch import Tensor

from wavspa_lit.nn import EncoderConfig, MatchingHead
from wavspa_lit.nn.heads import Activation, Interaction, Pooling
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Batch, Task
from wavspa_lit.tasks.objectives import Classes, Weights, plain


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
        class_weights: A number for each class, by which its labels count in the training loss; `balanced`: the less
            frequent a class is in training, the more. If None, all count alike. Validation losses are not weighted.
        imbalance_metrics: Report macro F1, macro AUROC and a confusion matrix as a picture, too.
        **data: The facts of the data, see `Task`; linked to the data.
    """

    target = "class"
    of_pairs = True

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        pooling: Pooling = "mean",
        interaction: Interaction = "nli",
        activation: Activation | None = None,
        class_weights: Weights = None,
        imbalance_metrics: bool = False,
        **data: Any,
    ) -> None:
        super().__init__(
            encoder,
            optimizer,
            objective=partial(Classes, weights=class_weights, imbalance=imbalance_metrics),
            pooling=pooling,
            interaction=interaction,
            activation=activation,
            class_weights=plain(class_weights),
            imbalance_metrics=imbalance_metrics,
            **data,
        )
        config = self.encoder_config
        self.head = MatchingHead(
            config.dim,
            config.mlp_dim,
            self.hparams["num_classes"],
            pooling,
            interaction,
            self.hparams["activation"],
            second_layer=config.conventions.second_layer,
        )

    def inputs_of(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """See `Task.inputs_of`; the two sequences of a pair follow each other.

        Args:
            batch: `tokens` (batch, 2, length), or `features` (batch, 2, length, channels), and `mask` (batch, 2,
                length), if there is padding.
        """
        mask = batch.get("mask")
        inputs = batch[self.input_name].flatten(0, 1)
        return inputs, None if mask is None else mask.flatten(0, 1)
