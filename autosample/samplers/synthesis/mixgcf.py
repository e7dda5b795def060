"""MixGCF (Huang et al., KDD 2021, doi:10.1145/3447548.3467408).

The paper mixes each candidate with the positive before it picks the hardest; as the
share is the same for all candidates of a pair, the pick is the hardest unmixed one,
so only winners are mixed.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Generator, Tensor

from autosample.samplers.synthesis.base import Synthesis


class MixGCF(Synthesis):
    """In each layer, a random share of the positive and the rest of the chosen item."""

    kind: Literal["mixgcf"] = "mixgcf"

    def embed(
        self, layers_BNLD: Tensor, positives_BLD: Tensor, rng: Generator
    ) -> Tensor:
        batch, _, layers, _ = layers_BNLD.shape
        share_B1L1 = torch.rand(
            (batch, 1, layers, 1), generator=rng, device=layers_BNLD.device
        )
        mixed = layers_BNLD + share_B1L1 * (positives_BLD[:, None] - layers_BNLD)
        return mixed.mean(2)  # (B, N, D)
