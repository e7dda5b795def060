"""LightGCN (He et al., SIGIR 2020, arXiv:2002.02126).

The graph is propagated once per step, for positives and all negatives together.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn, optim

from autosample.core.bounds import Layers, Positive, Width
from autosample.data.interactions import Interactions
from autosample.kernels.memory import empty
from autosample.models.base import Model, ModelConfig
from autosample.models.graph import GraphScorer, layers_of, normalized_adjacency


class LightGCN(ModelConfig):
    """Embeddings averaged over the layers of a linear graph convolution."""

    kind: Literal["lightgcn"] = "lightgcn"
    width: Width = 64
    """Dimensions of an embedding."""
    layers: Layers = 3
    """Number of propagation steps."""
    init_std: Positive = 0.1
    """Standard deviation of the initial embeddings."""

    paper: ClassVar[str] = "He et al., SIGIR 2020, arXiv:2002.02126"
    learning_rate: ClassVar[float] = 0.005
    pace: ClassVar[int] = 1
    refit: ClassVar[int] = 4
    refit_branches: ClassVar[int] = 1
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
        self.embeddings = nn.Parameter(empty(size, width))
        # Computed from the training set, so not stored in checkpoints.
        self.register_buffer("adjacency", normalized_adjacency(train), persistent=False)

    def forward(self, rng: Generator | None = None) -> GraphScorer:
        pooled, layers = layers_of(self.adjacency, self.embeddings, self.hops)
        return GraphScorer(
            pooled, self.embeddings, self.num_users, self.hops + 1, layers
        )

    def tables(self) -> tuple[Tensor, Tensor]:
        """Return the parameters: users' (U, D) and items' (I, D)."""
        both = self.embeddings
        return both[: self.num_users], both[self.num_users :]

    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        # The default, not fused, reads every parameter several times per step.
        return optim.Adam(self.parameters(), learning_rate, fused=True)
