"""Any number of classes at once for a sequence."""

from functools import partial
from typing import Any

from wavspa_lit.nn import ClassificationHead, EncoderConfig
from wavspa_lit.nn.heads import Activation, Pooling
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Task
from wavspa_lit.tasks.objectives import Multilabel, Weights, plain


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
        **data: The facts of the data, see `Task`; linked to the data.
    """

    target = "multilabel"

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        pooling: Pooling = "mean",
        activation: Activation | None = None,
        class_weights: Weights = None,
        **data: Any,
    ) -> None:
        super().__init__(
            encoder,
            optimizer,
            objective=partial(Multilabel, weights=class_weights),
            pooling=pooling,
            activation=activation,
            class_weights=plain(class_weights),
            **data,
        )
        config, settings = self.encoder_config, self.hparams
        self.head = ClassificationHead(
            config.dim, config.mlp_dim, settings["num_classes"], pooling, settings["activation"]
        )
