"""WARP (Weston, Bengio and Usunier, IJCAI 2011)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Generator, Tensor

from autosample.samplers.choices.base import Choice, Chosen
from autosample.samplers.pool import ScoredPool
from autosample.samplers.ranges import Between

MOST = 10.0
"""Bound of a weight, as LightFM has it."""


class FirstViolator(Choice):
    """The first item that scores above s_ui - margin; its weight is the logarithm of
    the rank that so few trials suggest. No violator, no update."""

    rank_weight: ClassVar[bool] = True

    paper: ClassVar[str] = "Weston, Bengio and Usunier, IJCAI 2011"
    kind: Literal["first_violator"] = "first_violator"
    keep: Literal[1] = 1
    """One violator is all there is."""
    margin: PositiveFloat = Field(1.0, json_schema_extra=Between(0.1, 4, log=True))
    """In units of a score."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        positive_B1 = pool.context.positive_scores_B[:, None]
        ranked_BM = pool.ranked
        violates_BM = ranked_BM > positive_B1 - self.margin
        found_B1, slots_B1 = violates_BM.to(torch.uint8).max(1, keepdim=True)
        weights_B1 = self._rank_weights(pool, slots_B1).to(ranked_BM.dtype)
        return Chosen(slots_B1, weights_B1 * found_B1)

    def _rank_weights(self, pool: ScoredPool, slots_B1: Tensor) -> Tensor:
        """ln(rank), rank estimated as unobserved items / trials; only allowed items
        count as trials."""
        trials_B1 = slots_B1 + 1
        if pool.allowed is not None:
            trials_B1 = pool.allowed.cumsum(1).gather(1, slots_B1).clamp(min=1)
        observed = pool.context.observed
        left_B = observed.num_items - observed.degrees_U[pool.context.users_B]
        rank_B1 = left_B[:, None].div(trials_B1, rounding_mode="floor").clamp(min=1)
        return rank_B1.log().clamp(max=MOST)
