"""Bayesian negative sampling (Liu and Wang, ICDE 2023, arXiv:2204.06520).

The paper's prior is an item's share of all interactions. With it nearly every item
counts as a true negative and the hardest is always chosen, so here the prior is the
share of users who have the item, times `prior`. The paper's distribution function F of
the scores is estimated by the rank within the pool.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from autosample.core.bounds import Positive
from autosample.core.ranges import Between
from autosample.samplers.choices.base import Choice, Chosen, best
from autosample.samplers.pool import ScoredPool

SURE = 0.99
"""Upper bound of the prior, so that no item is a certain false negative."""


class Bayesian(Choice):
    """Items of the least Bayesian risk: informative and likely true negatives."""

    paper: ClassVar[str] = "Liu and Wang, ICDE 2023, arXiv:2204.06520"
    kind: Literal["bayesian"] = "bayesian"
    weight: Positive = Field(5.0, json_schema_extra=Between(0.5, 20, log=True))
    """The paper's lambda: value of a true negative's information against the risk of a
    false one."""
    prior: Positive = Field(1.0, json_schema_extra=Between(0.1, 20, log=True))
    """Factor of the prior: times the share of users who have an item, it is the prior
    probability that the user likes it."""

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
    """Return F, the share of the pool's allowed items that score lower: (B, M).

    An item itself counts as half, so values lie strictly between 0 and 1.
    """
    ranked_BM = pool.ranked
    place_BM = ranked_BM.argsort(1).argsort(1).to(ranked_BM.dtype)
    if pool.allowed is None:
        return (place_BM + 0.5) / ranked_BM.shape[1]
    count_B1 = pool.allowed.sum(1, keepdim=True)
    place_BM = place_BM - (ranked_BM.shape[1] - count_B1)
    return ((place_BM + 0.5) / count_B1.clamp(min=1)).clamp(0, 1)


def posterior(below_BM: Tensor, prior_BM: Tensor) -> Tensor:
    """Return how likely each item is a true negative, the paper's `unbias`: (B, M)."""
    true_BM = (1 - below_BM) * (1 - prior_BM)
    return true_BM / (1 - below_BM - prior_BM + 2 * below_BM * prior_BM)
