"""Which of a pool is used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from pydantic import PositiveInt
from torch import Generator, Tensor

from autosample.config import Config
from autosample.samplers.pool import ScoredPool


class Chosen(NamedTuple):
    """N slots of a pool for each pair, and how much each counts."""

    slots_BN: Tensor
    """Columns of the pool."""
    weights_BN: Tensor
    """Sum to 1 in a row; zero where a slot is not allowed, all zero where none is."""


class Choice(Config, ABC):
    """A way to choose; without state, so its settings are all of it."""

    needs_scores: ClassVar[bool] = True

    keep: PositiveInt = 1
    """Negatives kept for each pair."""

    @property
    def least_pool(self) -> int:
        """The smallest pool it can choose from."""
        return self.keep

    @abstractmethod
    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        """Choose `keep` slots of a pool of M >= `least_pool` for each of B pairs."""
