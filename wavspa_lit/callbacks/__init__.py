"""What runs beside the training: reports, pictures, state for exact resume."""

from wavspa_lit.callbacks.checkpoints import LastCheckpoint
from wavspa_lit.callbacks.extrapolation import ExtrapolationCurve
from wavspa_lit.callbacks.predictions import PredictionTable
from wavspa_lit.callbacks.random_state import RandomState
from wavspa_lit.callbacks.results import Results
from wavspa_lit.callbacks.wavelets import WaveletMonitor

__all__ = ["ExtrapolationCurve", "LastCheckpoint", "PredictionTable", "RandomState", "Results", "WaveletMonitor"]
