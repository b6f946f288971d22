"""Any number of classes at once for a sequence."""

from torch import Tensor

from wavspa_lit.nn import ClassificationHead, EncoderConfig
from wavspa_lit.nn.heads import Activation, Pooling
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Batch, Task
from wavspa_lit.tasks.objectives import Multilabel, Weights, plain
from wavspa_lit.tasks.targets import Target, check_target


class MultilabelClassification(Task):
    """Says of each class whether it holds for a sequence.

    The loss is the binary cross-entropy, averaged over the classes. Logged are macro F1, which chooses the best
    weights, macro average precision (`map`), and the share of right answers (`acc`) beside that of the best constant
    ones (`chance`). A class holds if its probability exceeds 1/2.

    Args:
        encoder: The encoder.
        optimizer: AdamW and its schedule.
        pooling: What the classifier reads: the CLS token (which only `cls` adds), the first state, the sum of the
            first and the last valid one, the mean or the maximum over the valid positions.
        activation: Of the head's hidden layer, normed_gelu or relu; None: relu with `encoder.compat: official`,
            otherwise normed_gelu.
        class_weights: A number for each class, by which it counts in the training loss where it holds; `balanced`: as
            many times as it does not hold for each time that it does. If None, all count alike. Validation losses are
            not weighted.
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
        activation: Activation | None = None,
        class_weights: Weights = None,
        *,
        vocab_size: int,
        num_classes: int,
        max_length: int,
        channels: int | None = None,
        target: Target | None = None,
        paired: bool | None = None,
    ) -> None:
        check_target(type(self).__name__, "multilabel", target, paired)
        super().__init__(
            encoder,
            optimizer,
            vocab_size=vocab_size,
            num_classes=num_classes,
            max_length=max_length,
            channels=channels,
            cls_token=pooling == "cls",
            objective=Multilabel(num_classes, class_weights),
            pooling=pooling,
            activation=activation,
            class_weights=plain(class_weights),
        )
        config = self.encoder_config
        self.head = ClassificationHead(config.dim, config.mlp_dim, num_classes, pooling, self.hparams["activation"])

    def forward(self, batch: Batch) -> Tensor:
        """Logits (batch, classes); a class holds where its logit is above 0.

        Args:
            batch: `tokens` (batch, length), or `features` (batch, length, channels), and `mask` (batch, length), if
                there is padding.
        """
        return self.head(*self.encode(batch))
