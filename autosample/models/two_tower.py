"""Two towers over the ids (Covington et al., RecSys 2016, doi:10.1145/2959100.2959190;
Yi et al., RecSys 2019, doi:10.1145/3298689.3346996).

Each side has an embedding and a small MLP; scores are inner products of the outputs.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn, optim
from torch.nn.functional import embedding

from autosample.core.bounds import Positive, Width
from autosample.core.types import Queries, Rows
from autosample.data.interactions import Interactions
from autosample.models.base import Model, ModelConfig
from autosample.optimizers import RowAdagrad


class TwoTower(ModelConfig):
    """Inner products of users' and items' embeddings after a small network each."""

    kind: Literal["two_tower"] = "two_tower"
    width: Width = 64
    """Dimensions of an embedding, and of a tower's output."""
    hidden: Width = 128
    """Units of a tower's hidden layer."""
    init_std: Positive = 0.1
    """Standard deviation of the initial embeddings."""

    paper: ClassVar[str] = "Yi et al., RecSys 2019, doi:10.1145/3298689.3346996"
    learning_rate: ClassVar[float] = 0.02
    l2: ClassVar[float] = 0.01

    def build(self, train: Interactions, rng: Generator) -> Towers:
        return Towers(
            Tower(train.num_users, self, rng), Tower(train.num_items, self, rng)
        )


class Tower(nn.Module):
    """An embedding x, then x + W2 relu(W1 x + b), which starts near plain MF."""

    def __init__(self, rows: int, config: TwoTower, rng: Generator) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(rows, config.width))
        nn.init.normal_(self.table, std=config.init_std, generator=rng)
        self.inward = nn.Parameter(torch.empty(config.width, config.hidden))
        nn.init.xavier_uniform_(self.inward, generator=rng)
        self.bias = nn.Parameter(torch.zeros(config.hidden))
        self.outward = nn.Parameter(torch.empty(config.hidden, config.width))
        nn.init.xavier_uniform_(self.outward, generator=rng)

    def through(self, rows: Tensor) -> Tensor:
        """Return the tower's output for embeddings: (..., D)."""
        return rows + torch.relu(rows @ self.inward + self.bias) @ self.outward

    def rows(self, ids: Tensor) -> Rows:
        free = embedding(ids, self.table, sparse=True)
        return Rows(self.through(free), free)


class Towers(Model):
    def __init__(self, users: Tower, items: Tower) -> None:
        super().__init__()
        self.users, self.items = users, items

    def forward(self, rng: Generator | None = None) -> TowerScorer:
        return TowerScorer(self.users, self.items)

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        return RowAdagrad(self.parameters(), learning_rate)


class TowerScorer:
    """A scorer of one layer that runs the towers on the requested ids only."""

    num_layers = 1

    def __init__(self, user_tower: Tower, item_tower: Tower) -> None:
        self._users, self._items = user_tower, item_tower

    def queries(self, queries: Queries) -> Rows:
        return self._users.rows(queries.users_B)

    def items(self, items: Tensor) -> Rows:
        table = self._items.table
        if torch.is_grad_enabled() or items.numel() < len(table):
            return self._items.rows(items)
        # More ids than items: it is cheaper to run the tower once on every item.
        return Rows(embedding(items, self._everything), embedding(items, table))

    @cached_property
    def _everything(self) -> Tensor:
        with torch.no_grad():
            return self._items.through(self._items.table)

    def item_layers(self, items_XL: Tensor) -> Tensor:
        return self.items(items_XL).scored

    def all_items(self) -> Tensor:
        return self._items.through(self._items.table)
