"""One label for a sequence: ListOps, Text, Image, Pathfinder."""

from functools import partial
from typing import Any

from wavspa_lit.nn import ClassificationHead, EncoderConfig
from wavspa_lit.nn.heads import Activation, Pooling
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Task
from wavspa_lit.tasks.objectives import Classes, Weights, plain


class SequenceClassification(Task):
    """Classifies sequences.

    Args:
        encoder: The encoder.
        optimizer: AdamW and its schedule.
        pooling: What the classifier reads: the CLS token (which only `cls` adds), the first state, the sum of the
            first and the last valid one, the mean or the maximum over the valid positions.
        activation: Of the head's hidden layer, normed_gelu or relu; None: relu with `encoder.compat: official`,
            otherwise normed_gelu.
        class_weights: A number for each class, by which its labels count in the training loss; `balanced`: the less
            frequent a class is in training, the more. If None, all count alike. Validation losses are not weighted.
        imbalance_metrics: Report macro F1, macro AUROC and a confusion matrix as a picture, too.
        **data: The facts of the data, see `Task`; linked to the data.
    """

    target = "class"

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        pooling: Pooling = "mean",
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
            activation=activation,
            class_weights=plain(class_weights),
            imbalance_metrics=imbalance_metrics,
            **data,
        )
        config, settings = self.encoder_config, self.hparams
        self.head = ClassificationHead(
            config.dim, config.mlp_dim, settings["num_classes"], pooling, settings["activation"]
        )
