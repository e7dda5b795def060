"""Matrix factorisation (Koren, Bell and Volinsky, 2009, doi:10.1109/MC.2009.263).

No biases. Gradients are sparse: a step costs what its batch touches, not what the
catalogue holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Generator, Tensor, nn, optim
from torch.nn.functional import embedding

from autosample.data.interactions import Interactions
from autosample.models.base import Model, ModelConfig
from autosample.optim import RowAdagrad
from autosample.types import Queries, Rows


class MF(ModelConfig):
    """Inner products of a user's and an item's embedding."""

    kind: Literal["mf"] = "mf"
    width: PositiveInt = 64
    """Numbers in one embedding."""
    init_std: PositiveFloat = 0.1
    """Standard deviation of the first embeddings."""

    paper: ClassVar[str] = "Koren, Bell and Volinsky, 2009, doi:10.1109/MC.2009.263"
    learning_rate: ClassVar[float] = 0.05
    l2: ClassVar[float] = 0.03

    def build(self, train: Interactions, rng: Generator) -> MatrixFactorization:
        model = MatrixFactorization(train.num_users, train.num_items, self.width)
        for table in (model.users, model.items):
            torch.nn.init.normal_(table, std=self.init_std, generator=rng)
        return model


class MatrixFactorization(Model):
    def __init__(self, num_users: int, num_items: int, width: int) -> None:
        super().__init__()
        self.users = nn.Parameter(torch.empty(num_users, width))
        self.items = nn.Parameter(torch.empty(num_items, width))

    def forward(self) -> TableScorer:
        return TableScorer(self.users, self.items)

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        return RowAdagrad(self.parameters(), learning_rate)

    def export(self) -> dict[str, Tensor]:
        return {"users": self.users.detach(), "items": self.items.detach()}


@dataclass(frozen=True)
class TableScorer:
    """Rows come straight from two tables of parameters; one layer."""

    users_UD: Tensor
    items_ID: Tensor
    num_layers: int = 1

    def queries(self, queries: Queries) -> Rows:
        rows_BD = embedding(queries.users_B, self.users_UD, sparse=True)
        return Rows(rows_BD, rows_BD)

    def items(self, items: Tensor) -> Rows:
        rows = embedding(items, self.items_ID, sparse=True)
        return Rows(rows, rows)

    def item_layers(self, items_XL: Tensor) -> Tensor:
        return self.items(items_XL).scored

    def all_items(self) -> Tensor:
        return self.items_ID
