"""Choices by a distribution over the pool: draw from it, or use it as weights.

Softmax-v: Shi et al., WWW 2023, arXiv:2302.03472. Importance resampling: Chen et al.,
WWW 2022, doi:10.1145/3485447.3512075. As weights (PRIS): Lian et al., WWW 2020,
doi:10.1145/3366423.3380187.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn.functional import softplus

from autosample.core.bounds import Positive
from autosample.core.ranges import Between
from autosample.samplers.choices.base import Choice, Chosen, softmax
from autosample.samplers.multinomial import draw_columns
from autosample.samplers.pool import ScoredPool


class LawChoice(Choice, ABC):
    """A choice by a distribution over the pool.

    Drawing from the distribution and weighting by it give the same loss on average.
    """

    whole: bool = False
    """Use all items of the pool, weighted by the distribution, instead of drawing
    `keep` of them with replacement: less noise, but dearer steps."""

    @abstractmethod
    def law(self, pool: ScoredPool) -> Tensor:
        """Return the distribution: (B, M). A row sums to 1, or to 0 if no item is
        allowed."""

    def kept_of(self, pool: int) -> int:
        return pool if self.whole else self.keep

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        law_BM = self.law(pool)
        if self.whole:
            slots_M = torch.arange(law_BM.shape[1], device=law_BM.device)
            return Chosen(slots_M[None], law_BM)
        slots_BN = draw_columns(law_BM, self.keep, rng)
        return Chosen(slots_BN, pool.equal_weights(slots_BN))


class SoftmaxV(LawChoice):
    """Items drawn with probability softmax(l_j / tau) of their BPR losses l_j, where
    tau follows the variance of the losses."""

    paper: ClassVar[str] = "Shi et al., WWW 2023, arXiv:2302.03472"
    kind: Literal["softmax_v"] = "softmax_v"
    rho: Positive = Field(1.0, json_schema_extra=Between(0.01, 100, log=True))
    """Hardness: tau = sqrt(Var(l) / (2 rho)), computed for each pair."""

    def law(self, pool: ScoredPool) -> Tensor:
        assert pool.scores is not None
        loss_BM = softplus(pool.scores - pool.context.positive_scores_B[:, None])
        count_B1 = loss_BM.new_full((len(loss_BM), 1), loss_BM.shape[1])
        if pool.allowed is not None:
            count_B1 = pool.allowed.sum(1, keepdim=True).clamp(min=1)
        mean_B1 = pool.masked(loss_BM, 0).sum(1, keepdim=True) / count_B1
        gaps_BM = pool.masked(loss_BM - mean_B1, 0)
        variance_B1 = gaps_BM.square().sum(1, keepdim=True) / count_B1
        tau_B1 = (variance_B1 / (2 * self.rho)).sqrt().clamp(min=1e-6)
        return softmax(pool, loss_BM / tau_B1)


class Importance(LawChoice):
    """Items drawn with probability softmax(score / tau - log q), which corrects for how
    likely (q) the proposal drew them."""

    needs_log_q: ClassVar[bool] = True

    paper: ClassVar[str] = "Chen et al., WWW 2022, doi:10.1145/3485447.3512075"
    kind: Literal["importance"] = "importance"
    tau: Positive = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature, in units of a score; the smaller, the harder."""

    def law(self, pool: ScoredPool) -> Tensor:
        assert pool.scores is not None
        log_q_BM = pool.pool.log_q
        assert log_q_BM is not None, "the sampler should have been refused"
        return softmax(pool, pool.scores / self.tau - log_q_BM)
