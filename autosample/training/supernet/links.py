"""Links that go by a scorer's rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from autosample.core.links import Ingredients, Linked, Linking, Links
from autosample.core.types import Queries, Rows, Scorer
from autosample.samplers.context import inner


@dataclass(frozen=True)
class ScorerLinks:
    """Links whose scores are inner products of a scorer's rows."""

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
        rows = Rows(self.queries.scored[at_X], self.queries.free[at_X])
        return ScorerLinks(self.scorer, rows)


def links_of(scorer: Scorer, queries: Queries, rows: Rows) -> Links:
    """Return a scorer's own links, or those by inner products if it brings none."""
    if isinstance(scorer, Linking):
        return scorer.links(queries, rows)
    return ScorerLinks(scorer, rows)
