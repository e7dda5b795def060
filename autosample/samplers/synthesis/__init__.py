"""Syntheses: negatives as embeddings that belong to no item.

To add one, write its file and name it here.
"""

from typing import Annotated

from pydantic import Field

from autosample.core.links import Ingredients
from autosample.samplers.synthesis.ans import ANS
from autosample.samplers.synthesis.base import Gates, Maker, Synthesis
from autosample.samplers.synthesis.dens import DENS
from autosample.samplers.synthesis.mixgcf import MixGCF

SynthesisSpec = Annotated[MixGCF | DENS | ANS, Field(discriminator="kind")]

SYNTHESES: tuple[type[Synthesis], ...] = (MixGCF, DENS, ANS)

__all__ = [
    "ANS",
    "DENS",
    "SYNTHESES",
    "Gates",
    "Ingredients",
    "Maker",
    "MixGCF",
    "Synthesis",
    "SynthesisSpec",
]
