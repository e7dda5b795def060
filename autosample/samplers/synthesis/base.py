"""What is made of the chosen items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Generator, Tensor, nn

from autosample.core.config import Config
from autosample.samplers.context import QueryContext


class Ingredients(NamedTuple):
    """What negatives are made of, with gradient."""

    queries_BD: Tensor
    positives_BLD: Tensor
    """Layers of the positive."""
    chosen_BNLD: Tensor
    """Layers of the chosen items, perhaps another item in each."""


class Made(NamedTuple):
    """Embeddings that belong to no item."""

    rows_BND: Tensor
    auxiliary_B: Tensor | None = None
    """A loss of its own, from which its parameters learn; None: it has none."""


class Maker(nn.Module, ABC):
    """A synthesis at work, with its parameters where it has any."""

    @abstractmethod
    def embed(self, parts: Ingredients, rng: Generator) -> Made:
        """Make N negatives a pair."""


class Gates(Maker, ABC):
    """A maker that also scores items by itself, for the choice."""

    @abstractmethod
    def scores(self, context: QueryContext, items_BM: Tensor, rng: Generator) -> Tensor:
        """Score each layer of items: (B, M, L), without gradient.

        `rng` is in the same state as the one `embed` gets.
        """


class Synthesis(Config, ABC):
    """A way to make negatives.

    The choice is made on each layer's scores by itself, so that a negative may have
    another item in each layer.
    """

    gated: ClassVar[bool] = False
    """Whether it scores and learns: `build` returns `Gates`."""
    kind: str

    @abstractmethod
    def build(self, like: Tensor, rng: Generator) -> Maker:
        """Make it ready for rows like these (..., D): their width, type and device."""


def gate(like: Tensor, rng: Generator) -> nn.Parameter:
    """Return a square matrix of the rows' width, drawn as Glorot and Bengio have it."""
    width = like.shape[-1]
    weights_DD = torch.empty(width, width)
    nn.init.xavier_uniform_(weights_DD, generator=rng)
    return nn.Parameter(weights_DD.to(like.device, like.dtype))
