"""Bayesian negative sampling (Liu and Wang, ICDE 2023, arXiv:2204.06520).

With the paper's prior, an item's share of all interactions, nearly every item passes
for a true negative and the choice is the hardest: so the prior is scaled to the share
of users who have the item. The distribution function is the rank within the pool.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Generator, Tensor

from autosample.samplers.choices.base import Choice, Chosen, best
from autosample.samplers.pool import ScoredPool
from autosample.samplers.ranges import Between

SURE = 0.99
"""The prior's bound: no item is taken for liked by everyone."""


class Bayesian(Choice):
    """The least risk: informative, weighed by how surely it is a true negative."""

    paper: ClassVar[str] = "Liu and Wang, ICDE 2023, arXiv:2204.06520"
    kind: Literal["bayesian"] = "bayesian"
    weight: PositiveFloat = Field(5.0, json_schema_extra=Between(0.5, 20, log=True))
    """Lambda: what a true negative's information is worth, against the risk."""
    prior: PositiveFloat = Field(1.0, json_schema_extra=Between(0.1, 20, log=True))
    """Times the share of users who have an item: the prior that the user likes it."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        assert pool.scores is not None
        positive_B1 = pool.context.positive_scores_B[:, None]
        information_BM = torch.sigmoid(pool.scores - positive_B1)
        true_BM = posterior(below(pool), self._prior(pool))
        risk_BM = information_BM * (1 - (1 + self.weight) * true_BM)
        return best(pool, pool.masked(-risk_BM, -torch.inf), self.keep)

    def _prior(self, pool: ScoredPool) -> Tensor:
        observed = pool.context.observed
        users_BM = observed.popularity_I[pool.pool.items]
        return (self.prior * users_BM / observed.num_users).clamp(max=SURE)


def below(pool: ScoredPool) -> Tensor:
    """Return the share of the pool's allowed items that score lower, halved ends: F."""
    ranked_BM = pool.ranked
    place_BM = ranked_BM.argsort(1).argsort(1).to(ranked_BM.dtype)
    if pool.allowed is None:
        return (place_BM + 0.5) / ranked_BM.shape[1]
    count_B1 = pool.allowed.sum(1, keepdim=True)
    place_BM = place_BM - (ranked_BM.shape[1] - count_B1)
    return ((place_BM + 0.5) / count_B1.clamp(min=1)).clamp(0, 1)


def posterior(below_BM: Tensor, prior_BM: Tensor) -> Tensor:
    """Return how likely each item is a true negative: the paper's `unbias`."""
    true_BM = (1 - below_BM) * (1 - prior_BM)
    return true_BM / (1 - below_BM - prior_BM + 2 * below_BM * prior_BM)
