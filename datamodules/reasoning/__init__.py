"""Reasoning tasks on which models are tested beyond what they were trained on."""

from datamodules.reasoning.lego import Lego

__all__ = ["Lego"]
