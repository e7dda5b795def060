"""SRNS's choice (Ding et al., NeurIPS 2020, arXiv:2009.03376): hard and unsteady.

True negatives that are hard vary over the passes; false ones stay high.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Generator

from autosample.samplers.choices.base import Choice, Chosen, best
from autosample.samplers.pool import ScoredPool
from autosample.samplers.ranges import Between


class HighVariance(Choice):
    """The highest sigma(s_uj - s_ui) + alpha * its spread over past passes."""

    needs_spread: ClassVar[bool] = True

    paper: ClassVar[str] = "Ding et al., NeurIPS 2020, arXiv:2009.03376"
    kind: Literal["high_variance"] = "high_variance"
    alpha: NonNegativeFloat = Field(5.0, json_schema_extra=Between(0, 20))
    """Weight of the spread, reached after the warm-up."""
    warmup: PositiveInt = 50
    """Passes over which the weight of the spread grows from zero."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        spread_BM = pool.pool.spread
        assert pool.scores is not None
        assert spread_BM is not None, "the sampler should have been refused"
        gap_BM = pool.scores - pool.context.positive_scores_B[:, None]
        alpha = self.alpha * pool.context.moment.share(self.warmup)
        value_BM = torch.sigmoid(gap_BM) + alpha * spread_BM
        return best(pool, pool.masked(value_BM, -torch.inf), self.keep)
