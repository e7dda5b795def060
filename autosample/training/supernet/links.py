"""Scores of queries with items that gradients flow through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

from autosample.core.types import Rows, Scorer
from autosample.samplers.context import inner
from autosample.samplers.synthesis import Ingredients


class Linked(NamedTuple):
    """What is known of queries and items together."""

    scores: Tensor
    """(B, X)"""
    squares: Tensor
    """Squared norms of the items' free rows: (B, X), or (1, X) where shared."""


class Links(Protocol):
    """Links a batch of queries to items."""

    def own_squares(self) -> Tensor:
        """Return squared norms of the queries' free rows: (B,)."""
        ...

    def pairs(self, items_BX: Tensor) -> Linked:
        """Link each query to items of its own."""
        ...

    def columns(self, items_1X: Tensor) -> Linked:
        """Link all queries to the same items."""
        ...

    def ingredients(self, positives_B: Tensor, items_BNL: Tensor) -> Ingredients:
        """Return rows from which a synthesis makes negatives."""
        ...

    def part(self, at_X: Tensor) -> Self:
        """Return the links of some of the queries, by position."""
        ...


@dataclass(frozen=True)
class ScorerLinks:
    """Whatever a model is, by its scorer."""

    scorer: Scorer
    queries: Rows
    """With gradient."""

    def own_squares(self) -> Tensor:
        return self.queries.free.square().sum(-1)

    def pairs(self, items_BX: Tensor) -> Linked:
        rows = self.scorer.items(items_BX)
        scores = inner(self.queries.scored, rows.scored)
        return Linked(scores, rows.free.square().sum(-1))

    def columns(self, items_1X: Tensor) -> Linked:
        return self.pairs(items_1X)

    def ingredients(self, positives_B: Tensor, items_BNL: Tensor) -> Ingredients:
        layers = items_BNL.shape[-1]
        positives_B1L = positives_B[:, None, None].expand(-1, 1, layers)
        rows = self.scorer.item_layers(torch.cat([positives_B1L, items_BNL], 1))
        return Ingredients(self.queries.scored, rows[:, 0], rows[:, 1:])

    def part(self, at_X: Tensor) -> ScorerLinks:
        mine = Rows(self.queries.scored[at_X], self.queries.free[at_X])
        return ScorerLinks(self.scorer, mine)
