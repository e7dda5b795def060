"""Syntheses. To add one: write its file, then name it here."""

from autosample.samplers.synthesis.base import Synthesis
from autosample.samplers.synthesis.mixgcf import MixGCF

SynthesisSpec = MixGCF
"""A union with a discriminator as soon as there is a second one."""

__all__ = ["MixGCF", "Synthesis", "SynthesisSpec"]
