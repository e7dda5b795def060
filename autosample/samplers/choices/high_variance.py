"""SRNS's choice of hard items whose scores vary (Ding et al., NeurIPS 2020,
arXiv:2009.03376).

Scores of hard true negatives vary over the epochs; those of false negatives stay high.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator

from autosample.core.bounds import EpochCount, NonNegative
from autosample.core.ranges import Between
from autosample.samplers.choices.base import Choice, Chosen, best
from autosample.samplers.pool import ScoredPool


class HighVariance(Choice):
    """Items of the highest sigma(s_uj - s_ui) + alpha * spread, where the spread is the
    standard deviation of the first term over past epochs."""

    needs_spread: ClassVar[bool] = True

    paper: ClassVar[str] = "Ding et al., NeurIPS 2020, arXiv:2009.03376"
    kind: Literal["high_variance"] = "high_variance"
    alpha: NonNegative = Field(5.0, json_schema_extra=Between(0, 20))
    """Weight of the spread once the warm-up is over."""
    warmup: EpochCount = 50
    """Epochs over which the weight of the spread grows from 0 to alpha."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        spread_BM = pool.pool.spread
        assert pool.scores is not None
        assert spread_BM is not None, "the sampler should have been refused"
        gap_BM = pool.scores - pool.context.positive_scores_B[:, None]
        alpha = self.alpha * pool.context.moment.share(self.warmup)
        value_BM = torch.sigmoid(gap_BM) + alpha * spread_BM
        return best(pool, pool.masked(value_BM, -torch.inf), self.keep)
