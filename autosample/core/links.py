"""The seam between losses and gradients: scores of queries with items."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self, runtime_checkable

from torch import Tensor

from autosample.core.types import Queries, Rows


class Linked(NamedTuple):
    """Scores of queries with items, and what l2 shrinks."""

    scores: Tensor
    """(B, X)"""
    squares: Tensor
    """Squared norms of the items' free rows: (B, X), or (1, X) where shared."""


class Ingredients(NamedTuple):
    """The embeddings that negatives are made of, with gradients."""

    queries_BD: Tensor
    positives_BLD: Tensor
    """Each layer's embedding of the positive."""
    chosen_BNLD: Tensor
    """Each layer's embedding of the chosen items, which may differ between layers."""


class Links(Protocol):
    """Scores a batch of queries with items, so that gradients flow."""

    def own_squares(self) -> Tensor:
        """Return squared norms of the queries' free rows: (B,)."""
        ...

    def pairs(self, items_BX: Tensor) -> Linked:
        """Score each query with items of its own."""
        ...

    def columns(self, items_1X: Tensor) -> Linked:
        """Score all queries with the same items."""
        ...

    def ingredients(self, positives_B: Tensor, items_BNL: Tensor) -> Ingredients:
        """Return rows from which a synthesis makes negatives."""
        ...

    def part(self, at_X: Tensor) -> Self:
        """Return the links of some of the queries, by position."""
        ...


@runtime_checkable
class Linking(Protocol):
    """A scorer whose training scores are not inner products of its rows."""

    def links(self, queries: Queries, rows: Rows) -> Links:
        """Return the links of a batch, whose rows have been computed already."""
        ...
