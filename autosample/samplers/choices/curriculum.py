"""Curricula: the hardest of a part of the pool that shrinks or grows with the passes.

Shrinking: CNS, as a baseline of Lai et al., AAAI 2024, arXiv:2401.05191. Growing, from
easy to hard, as PinSage goes: Ying et al., KDD 2018, arXiv:1806.01973.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Generator

from autosample.samplers.choices.base import Choice, Chosen, best
from autosample.samplers.pool import ScoredPool
from autosample.samplers.ranges import Between


class Curriculum(Choice, ABC):
    """The hardest of the pool's first columns, more or fewer as training goes on."""

    course: PositiveInt = Field(50, json_schema_extra=Between(5, 200, log=True))
    """Passes from one end to the other; all of them where fewer are planned."""

    @abstractmethod
    def part(self, share: float) -> float:
        """Return the part of the pool to use, given the share of the course behind."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        size = pool.size[1]
        part = self.part(pool.context.moment.share(self.course))
        width = max(self.keep, min(int(part * size), size), 1)
        ranked_BM = pool.ranked
        beyond_M = torch.arange(size, device=ranked_BM.device) >= width
        part_BM = ranked_BM.masked_fill(beyond_M, -torch.inf)
        # A part with too few allowed items falls back on the whole pool.
        few_B1 = part_BM.isfinite().sum(1, keepdim=True) < self.keep
        return best(pool, torch.where(few_B1, ranked_BM, part_BM), self.keep)


class Shrinking(Curriculum):
    """From the hardest of the whole pool to its first item: hard to easy."""

    paper: ClassVar[str] = "a baseline of Lai et al., AAAI 2024, arXiv:2401.05191"
    kind: Literal["shrinking"] = "shrinking"

    def part(self, share: float) -> float:
        return 1 - share


class Growing(Curriculum):
    """From the pool's first item to the hardest of all of it: easy to hard."""

    paper: ClassVar[str] = "after Ying et al., KDD 2018, arXiv:1806.01973"
    kind: Literal["growing"] = "growing"

    def part(self, share: float) -> float:
        return share
