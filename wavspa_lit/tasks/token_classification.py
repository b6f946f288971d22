"""A class at each position: tags, segments, sites."""

from functools import partial
from typing import Any

from wavspa_lit.nn import EncoderConfig, TokenHead
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.base import Task
from wavspa_lit.tasks.objectives import Classes, Weights, plain


class TokenClassification(Task):
    """Labels the positions of a sequence; those with the label -100 are neither trained nor scored.

    Args:
        encoder: The encoder.
        optimizer: AdamW and its schedule.
        class_weights: A number for each class, by which its labels count in the training loss; `balanced`: the less
            frequent a class is in training, the more. If None, all count alike. Validation losses are not weighted.
        imbalance_metrics: Report macro F1, macro AUROC and a confusion matrix as a picture, too; AUROC is taken
            at 512 thresholds, because there are many positions.
        **data: The facts of the data, see `Task`; linked to the data.
    """

    target = "token"

    def __init__(
        self,
        encoder: EncoderConfig,
        optimizer: OptimizerConfig,
        class_weights: Weights = None,
        imbalance_metrics: bool = False,
        **data: Any,
    ) -> None:
        super().__init__(
            encoder,
            optimizer,
            objective=partial(Classes, weights=class_weights, imbalance=imbalance_metrics, exact=False),
            class_weights=plain(class_weights),
            imbalance_metrics=imbalance_metrics,
            **data,
        )
        self.head = TokenHead(self.encoder_config.dim, self.hparams["num_classes"])
