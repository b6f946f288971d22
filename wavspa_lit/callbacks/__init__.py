"""What runs beside the training: checkpoints, signals, reports, pictures."""

from wavspa_lit.callbacks.averaging import EMA
from wavspa_lit.callbacks.checkpoints import AtomicCheckpointIO, LastCheckpoint
from wavspa_lit.callbacks.claim import Claim
from wavspa_lit.callbacks.compilation import Compilation
from wavspa_lit.callbacks.confusion import ConfusionPicture
from wavspa_lit.callbacks.extrapolation import ExtrapolationCurve
from wavspa_lit.callbacks.front_page import FrontPage
from wavspa_lit.callbacks.guards import NaNGuard, StopEarly
from wavspa_lit.callbacks.health import Health
from wavspa_lit.callbacks.monitors import GradientNorm, LearningRates, Throughput
from wavspa_lit.callbacks.predictions import PredictionTable
from wavspa_lit.callbacks.preemption import Preemption
from wavspa_lit.callbacks.results import Results
from wavspa_lit.callbacks.resumed import ResumedState
from wavspa_lit.callbacks.saved_config import SaveRunConfig
from wavspa_lit.callbacks.scoring import ScoreMonitor
from wavspa_lit.callbacks.seeds import StepSeeds
from wavspa_lit.callbacks.wavelets import WaveletMonitor

__all__ = [
    "EMA",
    "AtomicCheckpointIO",
    "Claim",
    "Compilation",
    "ConfusionPicture",
    "ExtrapolationCurve",
    "FrontPage",
    "GradientNorm",
    "Health",
    "LastCheckpoint",
    "LearningRates",
    "NaNGuard",
    "PredictionTable",
    "Preemption",
    "Results",
    "ResumedState",
    "SaveRunConfig",
    "ScoreMonitor",
    "StepSeeds",
    "StopEarly",
    "Throughput",
    "WaveletMonitor",
]
