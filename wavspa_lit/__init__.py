"""Wavelet Space Attention encoders for long sequences, on PyTorch Lightning (paper: arXiv 2210.01989).

What a Python program needs is imported from here, each name when it is first asked for, because `import wavspa_lit`
alone must stay fast:

    from wavspa_lit import WaveletAttention, load
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from wavspa_lit.export import export_model
    from wavspa_lit.nn import Encoder, EncoderConfig, WaveletAttention
    from wavspa_lit.tasks import (
        MaskedPretraining,
        MultilabelClassification,
        SequenceClassification,
        SequenceMatching,
        SequenceRegression,
        TokenClassification,
        TokenReasoning,
        load,
    )
    from wavspa_lit.training import build_trainer
    from wavspa_lit.wavelets import WaveletConfig, wavedec, waverec

__all__ = [
    "Encoder",
    "EncoderConfig",
    "MaskedPretraining",
    "MultilabelClassification",
    "SequenceClassification",
    "SequenceMatching",
    "SequenceRegression",
    "TokenClassification",
    "TokenReasoning",
    "WaveletAttention",
    "WaveletConfig",
    "build_trainer",
    "export_model",
    "load",
    "wavedec",
    "waverec",
]


_HOMES = ("wavelets", "nn", "tasks", "training", "export")
"""Where the names are looked for, in this order: the first two do without Lightning."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            if hasattr(module := import_module(f"{__name__}.{home}"), name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
