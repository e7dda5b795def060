"""What models on the graph of users and items share."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autosample.data.interactions import Interactions
from autosample.types import Queries, Rows


@dataclass(frozen=True)
class GraphScorer:
    """Rows of users, then items; an item's row is the mean of its L layers."""

    layers: list[Tensor]
    pooled: Tensor
    free: Tensor
    """The parameters behind the rows."""
    num_users: int

    @property
    def num_layers(self) -> int:
        return len(self.layers)

    def queries(self, queries: Queries) -> Rows:
        return self._rows(queries.users_B)

    def items(self, items: Tensor) -> Rows:
        return self._rows(items + self.num_users)

    def item_layers(self, items_XL: Tensor) -> Tensor:
        nodes = items_XL + self.num_users
        found = [layer[nodes[..., at]] for at, layer in enumerate(self.layers)]
        return torch.stack(found, dim=-2)  # (..., L, D)

    def all_items(self) -> Tensor:
        return self.pooled[self.num_users :]

    def _rows(self, nodes: Tensor) -> Rows:
        return Rows(self.pooled[nodes], self.free[nodes])


class _Propagate(torch.autograd.Function):
    """A @ X for a symmetric A: the backward pass is the same CSR product."""

    @staticmethod
    def forward(ctx: Any, adjacency: Tensor, nodes: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        return adjacency @ nodes

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, ctx.adjacency @ grad


def propagated(adjacency: Tensor, nodes: Tensor) -> Tensor:
    """Return A @ X, with a gradient for X: (U + I, D)."""
    made: Tensor = _Propagate.apply(adjacency, nodes)  # type: ignore[no-untyped-call]
    return made


def normalized_adjacency(train: Interactions) -> Tensor:
    """Return D^-1/2 A D^-1/2 over users then items, as CSR: (U + I, U + I)."""
    users, items = train.users_E, train.items_E.astype(np.int64)
    by_item = np.argsort(items, kind="stable")
    starts_I = np.cumsum(train.popularity_I)
    starts = np.concatenate([train.starts_U1, train.num_pairs + starts_I])
    by_user = np.lexsort((items, users))
    columns = np.concatenate([items[by_user] + train.num_users, users[by_item]])
    degrees = np.concatenate([train.degrees_U, train.popularity_I])
    scale = 1 / np.sqrt(np.maximum(degrees, 1))
    rows = np.repeat(np.arange(len(degrees)), degrees)
    values = (scale[rows] * scale[columns]).astype(np.float32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts),
            torch.from_numpy(columns),
            torch.from_numpy(values),
            size=(len(degrees), len(degrees)),
            check_invariants=False,
        )
