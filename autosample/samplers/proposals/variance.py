"""SRNS's memory (Ding et al., NeurIPS 2020, arXiv:2009.03376).

Before each epoch every user keeps items by their scores, each with how much its chance
to beat the user's positives varied. Moving moments of the kept items stand for the
paper's history of thousands of items a user.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from autosample.core.bounds import DrawCount, Positive
from autosample.core.ranges import Between
from autosample.core.types import Scorer
from autosample.samplers.context import QueryContext, of_users
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import ProposalConfig
from autosample.samplers.proposals.memory import mean_positive_scores, users_of
from autosample.samplers.proposals.uniform import UniformProposal

DECAY = 0.8
"""Decay of the moving moments: about the five epochs that the paper looks back."""


class VarianceProposal(ProposalConfig):
    """Items kept for the user by score, with how much each varied."""

    knows_log_q: ClassVar[bool] = False
    knows_spread: ClassVar[bool] = True
    remembers_users: ClassVar[bool] = True

    paper: ClassVar[str] = "Ding et al., NeurIPS 2020, arXiv:2009.03376"
    kind: Literal["variance"] = "variance"
    memory: DrawCount = 16
    """Items kept for a user."""
    renewed: DrawCount = 64
    """Random items that compete for a place before each epoch."""
    tau: Positive = Field(10.0, json_schema_extra=Between(0.5, 20, log=True))
    """Temperature of keeping an item, in units of a score."""

    @property
    def most_pool(self) -> int:
        return self.memory

    def build(self, observed: Observed) -> Variance:
        return Variance(observed, self)


class Variance:
    def __init__(self, observed: Observed, config: VarianceProposal) -> None:
        self.observed, self.config = observed, config
        self.source = UniformProposal().build(observed)
        self.items_US: Tensor | None = None
        self.mean_US: Tensor | None = None
        self.square_US: Tensor | None = None

    def prepare(self, scorer: Scorer, rng: Generator) -> None:
        """Update moments, then let new items compete; costs memory + renewed scores."""
        positive_U = mean_positive_scores(scorer, self.observed)
        blocks = [
            self._renew(of_users(scorer, users_B, self.observed), positive_U, rng)
            for users_B in users_of(self.observed)
        ]
        self.items_US, self.mean_US, self.square_US = (
            torch.cat(column) for column in zip(*blocks, strict=True)
        )

    def _renew(
        self, context: QueryContext, positive_U: Tensor, rng: Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        users_B = context.users_B
        items = self.source.draw(context, self.config.renewed, rng).items
        mean = square = None
        if self.items_US is not None:
            assert self.mean_US is not None
            assert self.square_US is not None
            items = torch.cat([self.items_US[users_B], items], 1)
            mean, square = self.mean_US[users_B], self.square_US[users_B]
        scores = context.score(items)
        chance = torch.sigmoid(scores - positive_U[users_B][:, None])
        means, squares = chance.clone(), chance.square()
        if mean is not None and square is not None:
            kept = mean.shape[1]
            means[:, :kept] = DECAY * mean + (1 - DECAY) * means[:, :kept]
            squares[:, :kept] = DECAY * square + (1 - DECAY) * squares[:, :kept]
        slots = self._kept(scores, rng)
        return items.gather(1, slots), means.gather(1, slots), squares.gather(1, slots)

    def _kept(self, scores: Tensor, rng: Generator) -> Tensor:
        """Draw what stays by e^(score / tau), without replacement (Gumbel top-k)."""
        noise = torch.empty_like(scores).exponential_(generator=rng).log_()
        memory = self.config.memory
        order = (scores / self.config.tau - noise).argsort(1, descending=True)
        places = torch.arange(memory, device=scores.device) % scores.shape[1]
        return order[:, places]

    def state(self) -> dict[str, Tensor]:
        if self.items_US is None or self.mean_US is None or self.square_US is None:
            return {}
        return {
            "items": self.items_US,
            "mean": self.mean_US,
            "square": self.square_US,
        }

    def load(self, state: dict[str, Tensor]) -> None:
        self.items_US = state.get("items")
        self.mean_US = state.get("mean")
        self.square_US = state.get("square")

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        if self.items_US is None:
            self.prepare(context.scorer, rng)
        assert self.items_US is not None
        assert self.mean_US is not None
        assert self.square_US is not None
        users_B = context.users_B
        shape = (len(users_B), self.items_US.shape[1])
        chance = torch.rand(shape, generator=rng, device=users_B.device)
        slots_BM = chance.argsort(1)[:, :size]
        rows_B1 = users_B[:, None]
        variance = self.square_US[rows_B1, slots_BM]
        variance = variance - self.mean_US[rows_B1, slots_BM].square()
        return Pool(
            self.items_US[rows_B1, slots_BM], spread=variance.clamp(min=0).sqrt()
        )
