"""LightningModules: what is predicted, how it is scored, how it is optimised."""

from wavspa_lit.tasks.base import Task
from wavspa_lit.tasks.loading import load
from wavspa_lit.tasks.masked_pretraining import MaskedPretraining
from wavspa_lit.tasks.multilabel_classification import MultilabelClassification
from wavspa_lit.tasks.sequence_classification import SequenceClassification
from wavspa_lit.tasks.sequence_matching import SequenceMatching
from wavspa_lit.tasks.sequence_regression import SequenceRegression
from wavspa_lit.tasks.token_classification import TokenClassification
from wavspa_lit.tasks.token_reasoning import TokenReasoning

__all__ = [
    "MaskedPretraining",
    "MultilabelClassification",
    "SequenceClassification",
    "SequenceMatching",
    "SequenceRegression",
    "Task",
    "TokenClassification",
    "TokenReasoning",
    "load",
]
