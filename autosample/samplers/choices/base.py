"""Which of a pool is used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from pydantic import PositiveInt
from torch import Generator, Tensor

from autosample.core.config import Config
from autosample.samplers.pool import ScoredPool


class Chosen(NamedTuple):
    """N slots of a pool for each pair, and how much each counts."""

    slots: Tensor
    """Columns of the pool: (B, N), or (1, N) where every pair uses the same ones."""
    weights_BN: Tensor
    """Weights in the loss. A row sums to 1, or to a rank weight; a slot that is not
    allowed has weight 0, so a row without any allowed slot is all zeros."""


class Choice(Config, ABC):
    """A way to choose; without state, so its settings are all of it."""

    needs_scores: ClassVar[bool] = True
    needs_log_q: ClassVar[bool] = False
    """Whether the proposal must know how likely each of its items was."""
    needs_spread: ClassVar[bool] = False
    """Whether the proposal must remember how much its items' scores varied."""
    keeps_law: ClassVar[bool] = False
    """Whether what it chooses is as likely as what the proposal drew."""
    rank_weight: ClassVar[bool] = False
    """Whether its weights sum to the weight of a rank; no loss applies that again."""

    kind: str

    keep: PositiveInt = 1
    """Negatives kept for each pair."""

    @property
    def least_pool(self) -> int:
        """The smallest pool it can choose from."""
        return self.keep

    def kept_of(self, pool: int) -> int:
        """Return N: how many slots of a pool of that size it uses."""
        return self.keep

    @abstractmethod
    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        """Choose N slots of a pool of M >= `least_pool` for each of B pairs."""


def best(pool: ScoredPool, ranked_BM: Tensor, keep: int) -> Chosen:
    """Choose the slots of the highest ranks, alike; minus infinity: not allowed."""
    if keep == 1:  # argmax is several times cheaper than topk
        slots_BN = ranked_BM.argmax(1, keepdim=True)
    else:
        slots_BN = ranked_BM.topk(keep, dim=1).indices
    return Chosen(slots_BN, pool.equal_weights(slots_BN))


def softmax(pool: ScoredPool, logits_BM: Tensor) -> Tensor:
    """Return the softmax over what is allowed; zero in a row where nothing is."""
    law_BM = torch.softmax(pool.masked(logits_BM, -torch.inf), 1)
    return law_BM if pool.allowed is None else law_BM.nan_to_num(0.0)
