"""A class at each position: tags, segments, sites."""

from torch import Tensor

from wavspa_lit.nn import EncoderConfig, TokenHead
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Batch, Task
from wavspa_lit.tasks.objectives import Classes, Weights, plain
from wavspa_lit.tasks.targets import Target, check_target


class TokenClassification(Task):
    """Labels the positions of a sequence; those with the label -100 are neither trained nor scored.

    Args:
        encoder: The encoder.
        optimizer: AdamW and its schedule.
        class_weights: A number for each class, by which its labels count in the training loss; `balanced`: the less
            frequent a class is in training, the more. If None, all count alike. Validation losses are not weighted.
        imbalance_metrics: Report macro F1, macro AUROC and a confusion matrix as a picture, too; AUROC is taken
            at 512 thresholds, because there are many positions.
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
        check_target(type(self).__name__, "token", target, paired)
        super().__init__(
            encoder,
            optimizer,
            vocab_size=vocab_size,
            num_classes=num_classes,
            max_length=max_length,
            channels=channels,
            objective=Classes(num_classes, class_weights, imbalance=imbalance_metrics, exact=False),
            class_weights=plain(class_weights),
            imbalance_metrics=imbalance_metrics,
        )
        self.head = TokenHead(self.encoder_config.dim, num_classes)

    def forward(self, batch: Batch) -> Tensor:
        """Logits (batch, length, classes).

        Args:
            batch: `tokens` (batch, length), or `features` (batch, length, channels), and `mask` (batch, length), if
                there is padding.
        """
        return self.head(self.encode(batch)[0])
