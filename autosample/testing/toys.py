"""Small data sets and scorers for which the right answers are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from autosample.core.types import (
    Moment,
    Pairs,
    Queries,
    Rows,
    Scorer,
)
from autosample.data.history import history_of
from autosample.data.interactions import Interactions
from autosample.losses import BPR
from autosample.samplers import Observed
from autosample.samplers.context import QueryContext
from autosample.training.supernet import Supernet

TRAIN = Interactions.from_pairs(
    np.array([0, 0, 1, 2, 2, 2]),
    np.array([0, 1, 2, 3, 4, 5]),
    num_users=4,
    num_items=6,
)
HISTORY = history_of(TRAIN)
"""Four users, six items; user 3 has touched nothing, item 5 was touched once."""


@dataclass(frozen=True)
class LayeredScorer:
    """A scorer of L layers of embeddings, in which a query's row is its user's."""

    users_UD: Tensor
    layers_LID: Tensor

    @property
    def num_layers(self) -> int:
        return len(self.layers_LID)

    def queries(self, queries: Queries) -> Rows:
        rows = self.users_UD[queries.users_B]
        return Rows(rows, rows)

    def items(self, items: Tensor) -> Rows:
        return Rows(self.all_items()[items], self.layers_LID[0][items])

    def item_layers(self, items_XL: Tensor) -> Tensor:
        rows = [layer[items_XL[..., at]] for at, layer in enumerate(self.layers_LID)]
        return torch.stack(rows, dim=-2)

    def all_items(self) -> Tensor:
        return self.layers_LID.mean(0)


def scorer(
    layers: int = 1,
    width: int = 8,
    seed: int = 5,
    train: Interactions = TRAIN,
    device: str = "cpu",
) -> LayeredScorer:
    """Return a scorer with random embeddings of the toy's users and items."""
    rng = torch.Generator().manual_seed(seed)
    users = torch.randn(train.num_users, width, generator=rng, dtype=torch.double)
    items = torch.randn(
        layers, train.num_items, width, generator=rng, dtype=torch.double
    )
    return LayeredScorer(
        users.to(device).requires_grad_(), items.to(device).requires_grad_()
    )


def pairs(repeat: int = 1, train: Interactions = TRAIN, device: str = "cpu") -> Pairs:
    """Return the toy's training pairs, as a batch."""
    history = history_of(train, device)
    rows_B = torch.arange(train.num_pairs, device=device).repeat(repeat)
    return Pairs(Queries.of_pairs(history, rows_B), history.items_E[rows_B].long())


def batch(users_B: Tensor, items_B: Tensor, train: Interactions = TRAIN) -> Pairs:
    """Return pairs of users with their whole histories, and any items."""
    return Pairs(Queries.of_users(history_of(train), users_B), items_B)


def context(
    scorer: Scorer,
    batch: Pairs,
    train: Interactions = TRAIN,
    moment: Moment | None = None,
) -> QueryContext:
    """Return the context of a batch, as a sampler sees it."""
    net = Supernet([], Observed(train, batch.items_B.device), BPR())
    context = net.context(scorer, batch, scorer.queries(batch.queries))
    return context if moment is None else replace(context, moment=moment)
