"""Any model with cosines for scores, by dividing its rows by their lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn, optim
from torch.nn.functional import normalize

from autosample.core.types import (
    ItemTabled,
    Queries,
    Refresh,
    Rows,
    Scorer,
    Tabled,
)
from autosample.data.interactions import Interactions
from autosample.data.order import Order
from autosample.models.base import Model


class CosineModel(Model):
    """A model whose parameters are another model's, and whose scores are cosines."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, rng: Generator | None = None) -> CosineScorer:
        return CosineScorer(self.model(rng))

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        return self.model.optimizer(learning_rate)

    def forward_lagging(self, rng: Generator, refresh: Refresh) -> CosineScorer:
        return CosineScorer(self.model.forward_lagging(rng, refresh))

    @property
    def lagging(self) -> Sequence[nn.Parameter]:
        return self.model.lagging

    def order(self, train: Interactions, batch_size: int) -> Order:
        return self.model.order(train, batch_size)


@dataclass(frozen=True)
class CosineScorer:
    """A scorer with the rows of another scorer, divided by their lengths."""

    inner: Scorer
    unit: bool = True

    def tables(self) -> tuple[Tensor, Tensor] | None:
        """Return the tables of rows before they are divided by their lengths."""
        return self.inner.tables() if isinstance(self.inner, Tabled) else None

    def item_table(self) -> Tensor | None:
        return self.inner.item_table() if isinstance(self.inner, ItemTabled) else None

    @property
    def num_layers(self) -> int:
        return self.inner.num_layers

    def queries(self, queries: Queries) -> Rows:
        return _unit(self.inner.queries(queries))

    def items(self, items: Tensor) -> Rows:
        return _unit(self.inner.items(items))

    def item_layers(self, items_XL: Tensor) -> Tensor:
        """Return layers divided by the length of their mean."""
        layers_XLD = self.inner.item_layers(items_XL)
        lengths_XL1 = self.inner.items(items_XL).scored.norm(dim=-1, keepdim=True)
        return torch.div(layers_XLD, lengths_XL1.clamp(min=1e-12))

    def all_items(self) -> Tensor:
        return normalize(self.inner.all_items(), dim=-1)


def _unit(rows: Rows) -> Rows:
    return Rows(normalize(rows.scored, dim=-1), rows.free)
