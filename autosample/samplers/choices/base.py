"""The interface of choices, and what several of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Generator, Tensor

from autosample.core.bounds import DrawCount
from autosample.core.config import Config
from autosample.samplers.pool import ScoredPool


class Chosen(NamedTuple):
    """N slots (columns) of a pool for each pair, and their weights in the loss."""

    slots: Tensor
    """Columns of the pool: (B, N), or (1, N) where every pair uses the same ones."""
    weights_BN: Tensor
    """Weights in the loss. A row sums to 1, or to a rank weight; a slot that is not
    allowed has weight 0, so a row without any allowed slot is all zeros."""


class Choice(Config, ABC):
    """A rule that chooses negatives from a pool; it has settings but no state."""

    needs_scores: ClassVar[bool] = True
    """Whether it reads the model's scores of the pool."""
    needs_log_q: ClassVar[bool] = False
    """Whether it needs the log-probability with which each item was proposed."""
    needs_spread: ClassVar[bool] = False
    """Whether it needs to know how much each item's scores varied over past epochs."""
    keeps_law: ClassVar[bool] = False
    """Whether chosen items follow the proposal's own distribution."""
    rank_weight: ClassVar[bool] = False
    """Whether its weights sum to a rank weight instead of 1."""

    kind: str

    keep: DrawCount = 1
    """Negatives kept for each pair."""

    @property
    def least_pool(self) -> int:
        """The smallest pool that it can choose from."""
        return self.keep

    def kept_of(self, pool: int) -> int:
        """Return N, the number of slots it uses of a pool of that size."""
        return self.keep

    @abstractmethod
    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        """Choose N slots for each of B pairs from a pool of M >= `least_pool` items."""


def best(pool: ScoredPool, ranked_BM: Tensor, keep: int) -> Chosen:
    """Choose the `keep` highest values of each row, with equal weights.

    A value of minus infinity marks a slot that is not allowed.
    """
    if keep == 1:  # argmax is several times cheaper than topk
        slots_BN = ranked_BM.argmax(1, keepdim=True)
    else:
        slots_BN = ranked_BM.topk(keep, dim=1).indices
    return Chosen(slots_BN, pool.equal_weights(slots_BN))


def softmax(pool: ScoredPool, logits_BM: Tensor) -> Tensor:
    """Return the softmax over allowed slots: (B, M); zeros in a row that has none."""
    law_BM = torch.softmax(pool.masked(logits_BM, -torch.inf), 1)
    return law_BM if pool.allowed is None else law_BM.nan_to_num(0.0)
