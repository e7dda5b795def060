"""WARP (Weston, Bengio and Usunier, IJCAI 2011)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from autosample.core.bounds import Positive
from autosample.core.ranges import Between
from autosample.samplers.choices.base import Choice, Chosen
from autosample.samplers.pool import ScoredPool

MOST = 10.0
"""Upper bound of a weight, as in LightFM."""


class FirstViolator(Choice):
    """The first item that scores above s_ui - margin, a violator. Its weight is the
    logarithm of the positive's rank, estimated from the number of items tried; without
    a violator the weight is 0."""

    rank_weight: ClassVar[bool] = True

    paper: ClassVar[str] = "Weston, Bengio and Usunier, IJCAI 2011"
    kind: Literal["first_violator"] = "first_violator"
    keep: Literal[1] = 1
    """Always 1: there is one first violator."""
    margin: Positive = Field(1.0, json_schema_extra=Between(0.1, 4, log=True))
    """An item violates if it scores above the positive's score minus this margin."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        positive_B1 = pool.context.positive_scores_B[:, None]
        ranked_BM = pool.ranked
        violates_BM = ranked_BM > positive_B1 - self.margin
        any_B1, slots_B1 = violates_BM.to(torch.uint8).max(1, keepdim=True)
        weights_B1 = self._rank_weights(pool, slots_B1).to(ranked_BM.dtype)
        return Chosen(slots_B1, weights_B1 * any_B1)

    def _rank_weights(self, pool: ScoredPool, slots_B1: Tensor) -> Tensor:
        """Return ln(rank), with unobserved items / items tried as the rank: (B, 1).

        Only allowed items count as tried.
        """
        tried_B1 = slots_B1 + 1
        if pool.allowed is not None:
            tried_B1 = pool.allowed.cumsum(1).gather(1, slots_B1).clamp(min=1)
        observed = pool.context.observed
        left_B = observed.num_items - observed.degrees_U[pool.context.users_B]
        rank_B1 = left_B[:, None].div(tried_B1, rounding_mode="floor").clamp(min=1)
        return rank_B1.log().clamp(max=MOST)
