"""Curricula: the hardest item of a part of the pool that changes over the epochs.

The part shrinks in CNS, a baseline of Lai et al., AAAI 2024, arXiv:2401.05191. It
grows, from easy to hard negatives, after PinSage: Ying et al., KDD 2018,
arXiv:1806.01973.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator

from autosample.core.bounds import EpochCount
from autosample.core.ranges import Between
from autosample.samplers.choices.base import Choice, Chosen, best
from autosample.samplers.pool import ScoredPool


class Curriculum(Choice, ABC):
    """The hardest items among the first columns of the pool, whose number changes."""

    course: EpochCount = Field(50, json_schema_extra=Between(5, 200, log=True))
    """Epochs that the change takes; all planned epochs where those are fewer."""

    @abstractmethod
    def used_share(self, progress: float) -> float:
        """Return the share of the pool to use, given the share of the course behind."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        size = pool.size[1]
        used = self.used_share(pool.context.moment.share(self.course))
        width = max(self.keep, min(int(used * size), size), 1)
        ranked_BM = pool.ranked
        beyond_M = torch.arange(size, device=ranked_BM.device) >= width
        within_BM = ranked_BM.masked_fill(beyond_M, -torch.inf)
        # Where too few allowed items are left, the row falls back on the whole pool.
        few_B1 = within_BM.isfinite().sum(1, keepdim=True) < self.keep
        return best(pool, torch.where(few_B1, ranked_BM, within_BM), self.keep)


class Shrinking(Curriculum):
    """The hardest items of a pool that shrinks to one item: from hard to easy."""

    paper: ClassVar[str] = "a baseline of Lai et al., AAAI 2024, arXiv:2401.05191"
    kind: Literal["shrinking"] = "shrinking"

    def used_share(self, progress: float) -> float:
        return 1 - progress


class Growing(Curriculum):
    """The hardest items of a pool that grows from one item: from easy to hard."""

    paper: ClassVar[str] = "after Ying et al., KDD 2018, arXiv:1806.01973"
    kind: Literal["growing"] = "growing"

    def used_share(self, progress: float) -> float:
        return progress
