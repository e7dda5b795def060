"""LightGCN (He et al., SIGIR 2020, arXiv:2002.02126).

The graph is propagated once a step, for positives and all negatives together.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Generator, Tensor, nn, optim

from autosample.data.interactions import Interactions
from autosample.models.base import Model, ModelConfig
from autosample.types import Queries, Rows


class LightGCN(ModelConfig):
    """Embeddings averaged over the layers of a linear graph convolution."""

    kind: Literal["lightgcn"] = "lightgcn"
    width: PositiveInt = 64
    """Numbers in one embedding."""
    layers: PositiveInt = 3
    """Hops of propagation."""
    init_std: PositiveFloat = 0.1
    """Standard deviation of the first embeddings."""

    paper: ClassVar[str] = "He et al., SIGIR 2020, arXiv:2002.02126"
    learning_rate: ClassVar[float] = 0.005
    l2: ClassVar[float] = 1e-4

    def build(self, train: Interactions, rng: Generator) -> LightGraphConvolution:
        model = LightGraphConvolution(train, self.width, self.layers)
        torch.nn.init.normal_(model.embeddings, std=self.init_std, generator=rng)
        return model


class LightGraphConvolution(Model):
    adjacency: Tensor

    def __init__(self, train: Interactions, width: int, hops: int) -> None:
        super().__init__()
        self.num_users, self.hops = train.num_users, hops
        size = train.num_users + train.num_items
        self.embeddings = nn.Parameter(torch.empty(size, width))
        # Rebuilt from the training set, so kept out of checkpoints.
        self.register_buffer("adjacency", normalized_adjacency(train), persistent=False)

    def forward(self) -> GraphScorer:
        layers: list[Tensor] = [self.embeddings]
        for _ in range(self.hops):
            layers.append(_propagated(self.adjacency, layers[-1]))
        return GraphScorer(layers, _mean(layers), self.num_users)

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        # Fused: the default does several passes over every parameter a step.
        return optim.Adam(self.parameters(), learning_rate, fused=True)

    @torch.no_grad()
    def export(self) -> dict[str, Tensor]:
        pooled = self.forward().pooled
        return {"users": pooled[: self.num_users], "items": pooled[self.num_users :]}


@dataclass(frozen=True)
class GraphScorer:
    """Propagated embeddings of users, then items; L = hops + 1 layers."""

    layers: list[Tensor]
    pooled: Tensor
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
        return Rows(self.pooled[nodes], self.layers[0][nodes])


class _Propagate(torch.autograd.Function):
    """A @ X for a symmetric A: the backward pass is the same CSR product."""

    @staticmethod
    def forward(ctx: Any, adjacency: Tensor, nodes: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        return adjacency @ nodes

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, ctx.adjacency @ grad


def _propagated(adjacency: Tensor, nodes: Tensor) -> Tensor:
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


def _mean(layers: list[Tensor]) -> Tensor:
    total = layers[0]
    for layer in layers[1:]:
        total = total + layer
    return total / len(layers)
