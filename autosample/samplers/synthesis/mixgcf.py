"""MixGCF (Huang et al., KDD 2021, doi:10.1145/3447548.3467408).

The paper mixes every item of the pool with the positive and then picks the hardest. As
the share is the same for all items of a pair, that is the item that was hardest before,
so only the chosen items are mixed here.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from autosample.core.links import Ingredients
from autosample.samplers.synthesis.base import (
    Maker,
    Synthesis,
    SyntheticRows,
)


class MixGCF(Synthesis):
    """The chosen item in each layer, mixed with a random share of the positive."""

    paper: ClassVar[str] = "Huang et al., KDD 2021, doi:10.1145/3447548.3467408"
    kind: Literal["mixgcf"] = "mixgcf"

    def build(self, like: Tensor, rng: Generator) -> Mixer:
        return Mixer()


class Mixer(Maker):
    def embed(self, ingredients: Ingredients, rng: Generator) -> SyntheticRows:
        chosen_BNLD, positives_BLD = ingredients.chosen_BNLD, ingredients.positives_BLD
        batch, _, layers, _ = chosen_BNLD.shape
        share_B1L1 = torch.rand(
            (batch, 1, layers, 1), generator=rng, device=chosen_BNLD.device
        )
        mixed = chosen_BNLD + share_B1L1 * (positives_BLD[:, None] - chosen_BNLD)
        return SyntheticRows(mixed.mean(2))  # (B, N, D)
