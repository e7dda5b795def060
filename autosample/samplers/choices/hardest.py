"""Dynamic negative sampling (Zhang et al., SIGIR 2013, doi:10.1145/2484028.2484126)."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Generator

from autosample.samplers.choices.base import Choice, Chosen, best
from autosample.samplers.pool import ScoredPool


class Hardest(Choice):
    """The highest-scored items of the pool, with equal weights."""

    paper: ClassVar[str] = "Zhang et al., SIGIR 2013, doi:10.1145/2484028.2484126"
    kind: Literal["hardest"] = "hardest"

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        return best(pool, pool.ranked, self.keep)
