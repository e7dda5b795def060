"""DNS(M, N): random items among the hardest.

Shi et al., WWW 2023, arXiv:2302.03472.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Generator

from autosample.core.bounds import DrawCount
from autosample.core.ranges import Between
from autosample.samplers.choices.base import Choice, Chosen
from autosample.samplers.pool import ScoredPool


class Top(Choice):
    """Random items among the `top` highest-scored, without replacement and with equal
    weights."""

    paper: ClassVar[str] = "Shi et al., WWW 2023, arXiv:2302.03472"
    kind: Literal["top"] = "top"
    top: DrawCount = Field(4, json_schema_extra=Between(1, 64, log=True))
    """Number of highest-scored items that may be drawn."""

    @model_validator(mode="after")
    def _keeps_some_of_the_top(self) -> Self:
        if self.keep > self.top:
            raise ValueError(f"cannot keep {self.keep} of the top {self.top}")
        return self

    @property
    def least_pool(self) -> int:
        return self.top

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen:
        best = pool.ranked.topk(self.top, dim=1)
        chance_BT = torch.rand(
            best.indices.shape, generator=rng, device=best.indices.device
        ).masked_fill_(best.values.isneginf(), -1)
        drawn_BN = chance_BT.topk(self.keep, dim=1).indices
        slots_BN = best.indices.gather(1, drawn_BN)
        return Chosen(slots_BN, pool.equal_weights(slots_BN))
