"""One label for a pair of sequences: Retrieval."""

from torch import Tensor

from wavspa_lit.nn import EncoderConfig, MatchingHead
from wavspa_lit.nn.heads import Activation, Interaction, Pooling
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Batch, Task
from wavspa_lit.tasks.objectives import Classes, Weights, plain
from wavspa_lit.tasks.targets import Target, check_target


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
        vocab_size: Number of token ids; linked to the data.
        num_classes: Number of classes; linked to the data.
        max_length: Longest sequence; linked to the data.
        channels: Numbers at each position of `features`; linked to the data. If None, the inputs are `tokens`.
        target: What a label is in the data, which must be what this task is for; linked to the data.
        paired: Whether the data are pairs of sequences, likewise.
    """

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        pooling: Pooling = "mean",
        interaction: Interaction = "nli",
        activation: Activation | None = None,
        class_weights: Weights = None,
        imbalance_metrics: bool = False,
        *,
        vocab_size: int,
        num_classes: int,
        max_length: int,
        channels: int | None = None,
        target: Target | None = None,
        paired: bool | None = None,
    ) -> None:
        check_target(type(self).__name__, "class", target, paired, of_pairs=True)
        super().__init__(
            encoder,
            optimizer,
            vocab_size=vocab_size,
            num_classes=num_classes,
            max_length=max_length,
            channels=channels,
            cls_token=pooling == "cls",
            objective=Classes(num_classes, class_weights, imbalance=imbalance_metrics),
            pooling=pooling,
            interaction=interaction,
            activation=activation,
            class_weights=plain(class_weights),
            imbalance_metrics=imbalance_metrics,
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
        """Logits (batch, classes).

        Args:
            batch: `tokens` (batch, 2, length), or `features` (batch, 2, length, channels), and `mask` (batch, 2,
                length), if there is padding.
        """
        mask = batch.get("mask")
        inputs = batch[self.input_name].flatten(0, 1)
        return self.head(*self.encoder(inputs, None if mask is None else mask.flatten(0, 1)))
