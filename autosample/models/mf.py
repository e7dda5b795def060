"""Matrix factorisation (Koren, Bell and Volinsky, 2009, doi:10.1109/MC.2009.263).

Gradients are sparse, so that the cost of a step depends on its batch and not on the
size of the catalogue. Biases are two more columns, with a one on the other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn, optim
from torch.nn.functional import embedding

from autosample.core.bounds import Positive, Width
from autosample.core.types import Queries, Rows
from autosample.data.interactions import Interactions
from autosample.kernels.memory import empty
from autosample.losses import Loss
from autosample.models.base import Model, ModelConfig, Usual
from autosample.optimizers import Adam, RowAdagrad


class MF(ModelConfig):
    """Inner products of a user's and an item's embedding."""

    kind: Literal["mf"] = "mf"
    width: Width = 64
    """Dimensions of an embedding."""
    biases: bool = False
    """Whether to add a learned number per user and per item, initially zero."""
    init_std: Positive = 0.1
    """Standard deviation of the initial embeddings."""

    paper: ClassVar[str] = "Koren, Bell and Volinsky, 2009, doi:10.1109/MC.2009.263"
    learning_rate: ClassVar[float] = 0.1
    l2: ClassVar[float] = 0.03

    @property
    def has_cosine(self) -> bool:
        return not self.biases

    def usual(self, loss: Loss) -> Usual:
        """Return the model's own rates for inner products, and Adam's for cosines,
        which stand in docs/training.md beside others."""
        if loss.cosine:
            return Usual(Adam(), 0.01, 0.0)
        return super().usual(loss)

    def build(self, train: Interactions, rng: Generator) -> MatrixFactorization:
        return MatrixFactorization(
            _table(train.num_users, self, rng),
            _table(train.num_items, self, rng),
            biases=self.biases,
        )


def _table(rows: int, config: MF, rng: Generator) -> Tensor:
    factors = empty(rows, config.width)
    torch.nn.init.normal_(factors, std=config.init_std, generator=rng)
    return torch.cat([factors, torch.zeros(rows, 1)], 1) if config.biases else factors


class MatrixFactorization(Model):
    """Two tables of rows. With biases, the last column of each table is the bias."""

    def __init__(self, users: Tensor, items: Tensor, *, biases: bool) -> None:
        super().__init__()
        self.users, self.items = nn.Parameter(users), nn.Parameter(items)
        self.biases = biases

    def forward(self, rng: Generator | None = None) -> TableScorer:
        return TableScorer(self.users, self.items, self.biases)

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        return RowAdagrad(self.parameters(), learning_rate)


@dataclass(frozen=True)
class TableScorer:
    """A scorer of one layer whose rows are rows of two tables of parameters."""

    users_UD: Tensor
    items_ID: Tensor
    biases: bool = False
    num_layers: int = 1
    unit: bool = False

    def queries(self, queries: Queries) -> Rows:
        rows_BD = embedding(queries.users_B, self.users_UD, sparse=True)
        return Rows(self.widened(rows_BD, first=True), rows_BD)

    def items(self, items: Tensor) -> Rows:
        rows = embedding(items, self.items_ID, sparse=True)
        return Rows(self.widened(rows, first=False), rows)

    def item_layers(self, items_XL: Tensor) -> Tensor:
        return self.items(items_XL).scored

    def all_items(self) -> Tensor:
        return self.widened(self.items_ID, first=False)

    def tables(self) -> tuple[Tensor, Tensor] | None:
        """Return both tables; None with biases, where rows are made on demand."""
        return None if self.biases else (self.users_UD, self.items_ID)

    def item_table(self) -> Tensor | None:
        return None if self.biases else self.items_ID

    def widened(self, rows: Tensor, *, first: bool) -> Tensor:
        """Return rows with a column of ones where the other side has its bias.

        `first` puts the own bias before that column, else after it.
        """
        if not self.biases:
            return rows
        one = torch.ones_like(rows[..., :1])
        factors, bias = rows[..., :-1], rows[..., -1:]
        pair = [bias, one] if first else [one, bias]
        return torch.cat([factors, *pair], -1)
