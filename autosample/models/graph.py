"""What models on the graph of users and items share."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autosample.core.types import Queries, Rows
from autosample.data.interactions import Interactions
from autosample.kernels.graph import Sparse, product, product_of_few
from autosample.kernels.jit import compiles


@dataclass(frozen=True)
class GraphScorer:
    """Rows of users, then items; an item's row is the mean of its L layers."""

    pooled: Tensor
    free: Tensor
    """The parameters behind the rows."""
    num_users: int
    num_layers: int
    all_layers: Callable[[], list[Tensor]]
    """Gives the layers one by one, which may cost another propagation."""
    unit: bool = False

    def tables(self) -> tuple[Tensor, Tensor]:
        return self.pooled[: self.num_users], self.item_table()

    def item_table(self) -> Tensor:
        return self.pooled[self.num_users :]

    def queries(self, queries: Queries) -> Rows:
        return self._rows(queries.users_B)

    def items(self, items: Tensor) -> Rows:
        return self._rows(items + self.num_users)

    def item_layers(self, items_XL: Tensor) -> Tensor:
        nodes = items_XL + self.num_users
        found = [layer[nodes[..., at]] for at, layer in enumerate(self.layers)]
        return torch.stack(found, dim=-2)  # (..., L, D)

    @cached_property
    def layers(self) -> list[Tensor]:
        return self.all_layers()

    def layer_tables(self) -> list[Tensor]:
        return [layer[self.num_users :] for layer in self.layers]

    def all_items(self) -> Tensor:
        return self.pooled[self.num_users :]

    def _rows(self, nodes: Tensor) -> Rows:
        return Rows(self.pooled[nodes], self.free[nodes])


class _Propagate(torch.autograd.Function):
    """A @ X for a symmetric A: the backward pass is the same product."""

    @staticmethod
    def forward(ctx: Any, adjacency: Tensor, nodes: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        return _product(adjacency, nodes, nodes.detach()[:0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, _product(ctx.adjacency, grad, grad[:0])


class _Layers(torch.autograd.Function):
    """The mean of all layers, and all but the first: one propagation each way."""

    @staticmethod
    def forward(
        ctx: Any, adjacency: Tensor, nodes: Tensor, hops: int
    ) -> tuple[Tensor, ...]:
        ctx.adjacency = adjacency
        ctx.set_materialize_grads(False)
        found: list[Tensor] = []
        total = nodes.detach().clone()
        for _ in range(hops):
            layer = found[-1] if found else nodes
            found.append(_product(adjacency, layer, layer.detach()[:0]))
            total += found[-1]
        return (total.div_(hops + 1), *found)

    @staticmethod
    def backward(
        ctx: Any, pooled: Tensor | None, *layers: Tensor | None
    ) -> tuple[None, Tensor | None, None]:
        """Horner's rule: each layer hands what it got, and what came after, down."""
        mean = None if pooled is None else pooled / (len(layers) + 1)
        total: Tensor | None = None
        for layer in (*reversed(layers), None):
            if total is not None:
                total = _product(ctx.adjacency, total, total[:0])
            for each in (layer, mean):
                if each is not None:
                    total = each.clone() if total is None else total.add_(each)
        return None, total, None


def propagated(adjacency: Tensor, nodes: Tensor) -> Tensor:
    """Return A @ X, with a gradient for X: (U + I, D)."""
    made: Tensor = _Propagate.apply(adjacency, nodes)  # type: ignore[no-untyped-call]
    return made


def layers_of(
    adjacency: Tensor, nodes: Tensor, hops: int
) -> tuple[Tensor, Callable[[], list[Tensor]]]:
    """Return the mean of X, A X, ..., A^hops X, and what gives them one by one.

    Where gradients are wanted, they are there already: a made negative needs them, and
    plain ones have steps of their own.
    """
    if torch.is_grad_enabled():
        total, *rest = _Layers.apply(adjacency, nodes, hops)  # type: ignore[no-untyped-call]
        return total, lambda: [nodes, *rest]

    def again() -> list[Tensor]:
        found = [nodes]
        for _ in range(hops):
            found.append(_product(adjacency, found[-1], nodes.detach()[:0]))
        return found

    return mean_of_layers(adjacency, nodes.detach(), hops), again


def mean_of_layers(
    adjacency: Tensor, nodes: Tensor, hops: int, used: Tensor | None = None
) -> Tensor:
    """Return the mean of layers, (X + A(X + A(X + ...))) / L, without gradients.

    `used` (U + I,) tells which rows are not zero, where few are: the first product
    costs less then.
    """
    total = nodes
    for hop in range(1, hops + 1):
        times = 1 / (hops + 1) if hop == hops else 1.0
        if hop == 1 and hops > 1 and used is not None and compiles(nodes):
            arrays = nodes.numpy(), used.numpy()
            threads = torch.get_num_threads()
            found = product_of_few(_sparse(adjacency), *arrays, threads)
            total = torch.from_numpy(found)
        else:
            total = _product(adjacency, total, nodes, times)
    return total


def _product(
    adjacency: Tensor, nodes: Tensor, plus: Tensor, times: float = 1.0
) -> Tensor:
    """Return times (A @ X + Y); Y of no rows: nothing."""
    nodes, plus = nodes.detach(), plus.detach()
    if not compiles(nodes) or not compiles(plus):
        found = adjacency @ nodes
        return (found + plus if len(plus) else found) * times
    arrays, threads = (nodes.numpy(), plus.numpy()), torch.get_num_threads()
    return torch.from_numpy(product(_sparse(adjacency), *arrays, threads, times))


def _sparse(adjacency: Tensor) -> Sparse:
    return Sparse(
        adjacency.crow_indices().numpy(),
        adjacency.col_indices().numpy(),
        adjacency.values().numpy(),
    )


def normalized_adjacency(train: Interactions) -> Tensor:
    """Return D^-1/2 A D^-1/2 over users then items, as CSR: (U + I, U + I)."""
    train = train.distinct
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
            torch.from_numpy(starts.astype(np.int32)),
            torch.from_numpy(columns.astype(np.int32)),
            torch.from_numpy(values),
            size=(len(degrees), len(degrees)),
            check_invariants=False,
        )
