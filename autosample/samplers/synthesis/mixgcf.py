"""MixGCF (Huang et al., KDD 2021, doi:10.1145/3447548.3467408).

The paper mixes each candidate with the positive before it picks the hardest; as the
share is the same for all candidates of a pair, the pick is the hardest unmixed one,
so only winners are mixed.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from autosample.samplers.synthesis.base import Ingredients, Made, Maker, Synthesis


class MixGCF(Synthesis):
    """In each layer, a random share of the positive and the rest of the chosen item."""

    paper: ClassVar[str] = "Huang et al., KDD 2021, doi:10.1145/3447548.3467408"
    kind: Literal["mixgcf"] = "mixgcf"

    def build(self, like: Tensor, rng: Generator) -> Mixer:
        return Mixer()


class Mixer(Maker):
    def embed(self, parts: Ingredients, rng: Generator) -> Made:
        chosen_BNLD, positives_BLD = parts.chosen_BNLD, parts.positives_BLD
        batch, _, layers, _ = chosen_BNLD.shape
        share_B1L1 = torch.rand(
            (batch, 1, layers, 1), generator=rng, device=chosen_BNLD.device
        )
        mixed = chosen_BNLD + share_B1L1 * (positives_BLD[:, None] - chosen_BNLD)
        return Made(mixed.mean(2))  # (B, N, D)
