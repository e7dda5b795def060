"""Propagation on the graph of users and items, for all models that use it."""

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
    """A scorer whose row of a user or an item is the mean of its L layers."""

    pooled: Tensor
    """Rows of all users, then all items: (U + I, D)."""
    free: Tensor
    """Parameters of the same users and items: (U + I, D)."""
    num_users: int
    num_layers: int
    all_layers: Callable[[], list[Tensor]]
    """Returns all layers, which may cost another propagation."""
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
        rows = [layer[nodes[..., at]] for at, layer in enumerate(self.layers)]
        return torch.stack(rows, dim=-2)  # (..., L, D)

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
    """The product A @ X. As A is symmetric, the backward pass is the same product."""

    @staticmethod
    def forward(ctx: Any, adjacency: Tensor, nodes: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        return _product(adjacency, nodes, nodes.detach()[:0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, _product(ctx.adjacency, grad, grad[:0])


class _Layers(torch.autograd.Function):
    """The mean of all layers, and all layers but the first.

    Costs one propagation forward and one backward.
    """

    @staticmethod
    def forward(
        ctx: Any, adjacency: Tensor, nodes: Tensor, hops: int
    ) -> tuple[Tensor, ...]:
        ctx.adjacency = adjacency
        ctx.set_materialize_grads(False)
        layers: list[Tensor] = []
        total = nodes.detach().clone()
        for _ in range(hops):
            layer = layers[-1] if layers else nodes
            layers.append(_product(adjacency, layer, layer.detach()[:0]))
            total += layers[-1]
        return (total.div_(hops + 1), *layers)

    @staticmethod
    def backward(
        ctx: Any, pooled: Tensor | None, *layers: Tensor | None
    ) -> tuple[None, Tensor | None, None]:
        """Apply Horner's rule: each layer passes its gradient, and that of all later
        layers, on to the layer before it."""
        mean = None if pooled is None else pooled / (len(layers) + 1)
        total: Tensor | None = None
        for layer in (*reversed(layers), None):
            if total is not None:
                total = _product(ctx.adjacency, total, total[:0])
            for gradient in (layer, mean):
                if gradient is not None:
                    total = gradient.clone() if total is None else total.add_(gradient)
        return None, total, None


def propagated(adjacency: Tensor, nodes: Tensor) -> Tensor:
    """Return A @ X, with a gradient for X: (U + I, D)."""
    product: Tensor = _Propagate.apply(adjacency, nodes)  # type: ignore[no-untyped-call]
    return product


def layers_of(
    adjacency: Tensor, nodes: Tensor, hops: int
) -> tuple[Tensor, Callable[[], list[Tensor]]]:
    """Return the mean of X, A X, ..., A^hops X, and a function that returns them all.

    With gradients enabled all layers are kept: this is only called so for syntheses,
    which need them. Other negatives have compiled steps of their own.
    """
    if torch.is_grad_enabled():
        total, *rest = _Layers.apply(adjacency, nodes, hops)  # type: ignore[no-untyped-call]
        return total, lambda: [nodes, *rest]

    def propagate_again() -> list[Tensor]:
        layers = [nodes]
        for _ in range(hops):
            layers.append(_product(adjacency, layers[-1], nodes.detach()[:0]))
        return layers

    return mean_of_layers(adjacency, nodes.detach(), hops), propagate_again


def mean_of_layers(
    adjacency: Tensor, nodes: Tensor, hops: int, used: Tensor | None = None
) -> Tensor:
    """Return the mean of layers, (X + A(X + A(X + ...))) / L, without gradients.

    `used` (U + I,) tells which rows of X are not zero. If given, the first product
    reads only these, which is faster where they are few.
    """
    total = nodes
    for hop in range(1, hops + 1):
        times = 1 / (hops + 1) if hop == hops else 1.0
        if hop == 1 and hops > 1 and used is not None and compiles(nodes):
            arrays = nodes.numpy(), used.numpy()
            threads = torch.get_num_threads()
            total = torch.from_numpy(
                product_of_few(_sparse(adjacency), *arrays, threads)
            )
        else:
            total = _product(adjacency, total, nodes, times)
    return total


def _product(
    adjacency: Tensor, nodes: Tensor, plus: Tensor, times: float = 1.0
) -> Tensor:
    """Return times * (A @ X + Y), or times * A @ X if Y has no rows."""
    nodes, plus = nodes.detach(), plus.detach()
    if not compiles(nodes) or not compiles(plus):
        total = adjacency @ nodes
        return (total + plus if len(plus) else total) * times
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
