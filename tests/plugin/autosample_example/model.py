"""A model of rows that are never negative."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn, optim
from torch.nn.functional import softplus

from autosample.models import Interactions, Model, ModelConfig, Queries, Rows


class NonNegativeMF(ModelConfig):
    """Inner products of embeddings that are softplus of the parameters."""

    paper: ClassVar[str] = "none: an example"
    learning_rate: ClassVar[float] = 0.02
    l2: ClassVar[float] = 1e-3
    kind: Literal["non_negative_mf"] = "non_negative_mf"
    width: int = 16
    """Numbers in one embedding."""

    def build(self, train: Interactions, rng: Generator) -> Factors:
        shapes = [(rows, self.width) for rows in (train.num_users, train.num_items)]
        users, items = (torch.randn(shape, generator=rng) - 2 for shape in shapes)
        return Factors(users, items)


class Factors(Model):
    def __init__(self, users: Tensor, items: Tensor) -> None:
        super().__init__()
        self.users, self.items = nn.Parameter(users), nn.Parameter(items)

    def forward(self, rng: Generator | None = None) -> FactorScorer:
        return FactorScorer(softplus(self.users), softplus(self.items))

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        return optim.Adam(self.parameters(), learning_rate)


class FactorScorer:
    """One layer: an item's row is all there is of it."""

    num_layers = 1

    def __init__(self, users: Tensor, items: Tensor) -> None:
        self._users, self._items = users, items

    def queries(self, queries: Queries) -> Rows:
        rows = self._users[queries.users_B]
        return Rows(rows, rows)

    def items(self, items: Tensor) -> Rows:
        rows = self._items[items]
        return Rows(rows, rows)

    def item_layers(self, items_XL: Tensor) -> Tensor:
        return self._items[items_XL]

    def all_items(self) -> Tensor:
        return self._items
