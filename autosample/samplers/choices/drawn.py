"""Choices that are a law over the pool: drawn from, or used whole as weights.

Softmax-v: Shi et al., WWW 2023, arXiv:2302.03472. Importance resampling: Chen et al.,
WWW 2022, doi:10.1145/3485447.3512075; as weights, PRIS: Lian et al., WWW 2020,
doi:10.1145/3366423.3380187.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Generator, Tensor
from torch.nn.functional import softplus

from autosample.samplers.choices.base import Choice, Chosen, softmax
from autosample.samplers.inversion import drawn
from autosample.samplers.pool import ScoredPool
from autosample.samplers.ranges import Between


class Drawn(Choice, ABC):
    """A law over the pool; drawing from it and weighing by it agree on average."""

    whole: bool = False
    """Use the whole pool with the law as weights, instead of drawing `keep` from it
    with replacement: less noise, dearer steps."""

    @abstractmethod
    def law(self, pool: ScoredPool) -> Tensor:
        """Return the law: (B, M); a row sums to one, or to zero if none is allowed."""

    def kept_of(self, pool: int) -> int:
        return pool if self.whole else self.keep

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        law_BM = self.law(pool)
        if self.whole:
            slots_M = torch.arange(law_BM.shape[1], device=law_BM.device)
            return Chosen(slots_M[None], law_BM)
        slots_BN = drawn(law_BM, self.keep, rng)
        return Chosen(slots_BN, pool.equal_weights(slots_BN))


class SoftmaxV(Drawn):
    """softmax(l_j / tau) of the BPR losses l_j; tau follows how much they vary."""

    paper: ClassVar[str] = "Shi et al., WWW 2023, arXiv:2302.03472"
    kind: Literal["softmax_v"] = "softmax_v"
    rho: PositiveFloat = Field(1.0, json_schema_extra=Between(0.01, 100, log=True))
    """Hardness: tau = sqrt(Var(l) / (2 rho)), worked out for each pair."""

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


class Importance(Drawn):
    """softmax(score / tau - log q): what scores ask for, whatever the pool's law."""

    needs_log_q: ClassVar[bool] = True

    paper: ClassVar[str] = "Chen et al., WWW 2022, doi:10.1145/3485447.3512075"
    kind: Literal["importance"] = "importance"
    tau: PositiveFloat = Field(1.0, json_schema_extra=Between(0.1, 10, log=True))
    """Temperature in units of a score."""

    def law(self, pool: ScoredPool) -> Tensor:
        assert pool.scores is not None
        log_q_BM = pool.pool.log_q
        assert log_q_BM is not None, "the sampler should have been refused"
        return softmax(pool, pool.scores / self.tau - log_q_BM)
