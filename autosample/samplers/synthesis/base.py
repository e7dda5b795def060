"""The interface of syntheses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Generator, Tensor, nn

from autosample.core.config import Config
from autosample.core.learner import Learner
from autosample.core.links import Ingredients
from autosample.samplers.context import QueryContext


class SyntheticRows(NamedTuple):
    """Negatives as embeddings that belong to no item."""

    rows_BND: Tensor
    auxiliary_B: Tensor | None = None
    """An additional loss that trains the synthesis' parameters; None without any."""


class Maker(Learner, ABC):
    """A synthesis built for a training, with its parameters if it has any."""

    @abstractmethod
    def embed(self, ingredients: Ingredients, rng: Generator) -> SyntheticRows:
        """Make N negatives for each pair."""


class Gates(Maker, ABC):
    """A maker with its own scores of items, by which the choice is made."""

    @abstractmethod
    def scores(self, context: QueryContext, items_BM: Tensor, rng: Generator) -> Tensor:
        """Return scores of each layer of items, without gradient: (B, M, L).

        `rng` starts in the same state as the one passed to `embed`.
        """


class Synthesis(Config, ABC):
    """A way to make negatives as embeddings.

    The choice is made in each layer by that layer's scores, so that a negative may
    combine different items.
    """

    gated: ClassVar[bool] = False
    """Whether `build` returns `Gates`, which score items and have parameters."""
    kind: str

    @abstractmethod
    def build(self, like: Tensor, rng: Generator) -> Maker:
        """Return a maker for embeddings of the width, type and device of `like` (...,
        D)."""


def gate(like: Tensor, rng: Generator) -> nn.Parameter:
    """Return a Glorot-initialised square matrix of the embeddings' width: (D, D)."""
    width = like.shape[-1]
    weights_DD = torch.empty(width, width)
    nn.init.xavier_uniform_(weights_DD, generator=rng)
    return nn.Parameter(weights_DD.to(like.device, like.dtype))
