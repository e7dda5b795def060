"""NGCF (Wang et al., SIGIR 2019, arXiv:1905.08108).

A row consists of the layers side by side. As the `Scorer` protocol wants layers whose
mean is the row, layer l there is L times its own block, and zero elsewhere. The paper's
dropout is left out; l2 regularises in its place.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn, optim
from torch.nn.functional import leaky_relu, normalize

from autosample.core.bounds import Layers, Positive, Width
from autosample.core.types import Queries, Rows
from autosample.data.interactions import Interactions
from autosample.models.base import Model, ModelConfig
from autosample.models.graph import normalized_adjacency, propagated

SLOPE = 0.2  # of the leaky ReLU, as in the official code


class NGCF(ModelConfig):
    """A graph convolution that also multiplies a node with its neighbours."""

    kind: Literal["ngcf"] = "ngcf"
    width: Width = 64
    """Dimensions of an embedding, and of each layer."""
    layers: Layers = 3
    """Number of propagation steps."""
    init_std: Positive = 0.1
    """Standard deviation of the initial embeddings."""

    paper: ClassVar[str] = "Wang et al., SIGIR 2019, arXiv:1905.08108"
    learning_rate: ClassVar[float] = 0.001
    l2: ClassVar[float] = 1e-4

    def build(self, train: Interactions, rng: Generator) -> NeuralGraphFiltering:
        return NeuralGraphFiltering(train, self, rng)


class NeuralGraphFiltering(Model):
    adjacency: Tensor

    def __init__(self, train: Interactions, config: NGCF, rng: Generator) -> None:
        super().__init__()
        self.num_users = train.num_users
        size, width = train.num_users + train.num_items, config.width
        self.embeddings = nn.Parameter(torch.empty(size, width))
        torch.nn.init.normal_(self.embeddings, std=config.init_std, generator=rng)
        shape = (config.layers, width, width)
        self.sums, self.products = (nn.Parameter(_glorot(shape, rng)) for _ in range(2))
        self.sum_biases, self.product_biases = (
            nn.Parameter(torch.zeros(config.layers, width)) for _ in range(2)
        )
        # Computed from the training set, so not stored in checkpoints.
        self.register_buffer("adjacency", normalized_adjacency(train), persistent=False)

    def forward(self, rng: Generator | None = None) -> BlockScorer:
        nodes: Tensor = self.embeddings
        blocks = [nodes]
        for hop in range(len(self.sums)):
            near = propagated(self.adjacency, nodes)
            summed = (near + nodes) @ self.sums[hop] + self.sum_biases[hop]
            crossed = (near * nodes) @ self.products[hop] + self.product_biases[hop]
            nodes = leaky_relu(summed, SLOPE) + leaky_relu(crossed, SLOPE)
            blocks.append(normalize(nodes, dim=1))
        return BlockScorer(blocks, self.num_users)

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        return optim.Adam(self.parameters(), learning_rate, fused=True)


class BlockScorer:
    """A scorer whose rows are blocks side by side, one (U + I, D) block per layer."""

    def __init__(self, blocks: list[Tensor], num_users: int) -> None:
        self.blocks, self.num_users = blocks, num_users

    @property
    def num_layers(self) -> int:
        return len(self.blocks)

    def queries(self, queries: Queries) -> Rows:
        return self._rows(queries.users_B)

    def items(self, items: Tensor) -> Rows:
        return self._rows(items + self.num_users)

    def item_layers(self, items_XL: Tensor) -> Tensor:
        count, nodes = self.num_layers, items_XL + self.num_users
        parts = [block[nodes[..., at]] for at, block in enumerate(self.blocks)]
        zero = torch.zeros_like(parts[0])
        wide = [
            torch.cat(
                [count * rows if at == here else zero for here in range(count)], -1
            )
            for at, rows in enumerate(parts)
        ]
        return torch.stack(wide, dim=-2)  # (..., L, L * D)

    def all_items(self) -> Tensor:
        return torch.cat([block[self.num_users :] for block in self.blocks], 1)

    def _rows(self, nodes: Tensor) -> Rows:
        rows = torch.cat([block[nodes] for block in self.blocks], -1)
        return Rows(rows, self.blocks[0][nodes])


def _glorot(shape: tuple[int, int, int], rng: Generator) -> Tensor:
    weights = torch.empty(shape)
    for layer in weights:
        nn.init.xavier_uniform_(layer, generator=rng)
    return weights
