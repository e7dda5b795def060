"""The first items of the pool, so that the proposal alone decides."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Generator

from autosample.samplers.choices.base import Choice, Chosen
from autosample.samplers.pool import ScoredPool


class First(Choice):
    """The first items of the pool, with equal weights and without scoring any."""

    needs_scores: ClassVar[bool] = False
    keeps_law: ClassVar[bool] = True

    kind: Literal["first"] = "first"

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        slots_N = torch.arange(self.keep, device=pool.context.users_B.device)
        return Chosen(slots_N[None], pool.equal_weights(slots_N[None]))
