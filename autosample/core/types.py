"""The nouns that models, samplers and losses share.

Shapes, the same letters in every file:
    U users    I items    E observed pairs    D embedding width    L layers
    B pairs in a batch    M items in a pool   N negatives of a pair
    K candidate samplers  C columns shared by a batch
A 1 in their place is a dimension of size one, kept to broadcast.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


class Moment(NamedTuple):
    """How far a training is, for what changes as it goes on."""

    epoch: int = 0
    """Passes that are over."""
    planned: int = 1
    """Passes there may be at most."""

    def share(self, course: int) -> float:
        """Return how much of a course of so many passes is behind: from 0 to 1.

        A training planned shorter, such as a rung of a race, runs the whole course.
        """
        return min(self.epoch / min(course, self.planned), 1.0)


START = Moment()


class History(NamedTuple):
    """Every user's items in time order, which is what a query may read of."""

    starts_U1: Tensor
    """User u's items stand at starts[u] to starts[u + 1]; int64."""
    items_E: Tensor
    """Item of each event, repeats kept; int32."""


class Queries(NamedTuple):
    """B things that are scored for: a user with a history up to a point.

    Make them with `of_pairs`, `of_users` or `at`, which say what may be read: a query
    that is made from a training pair never reads that pair or a later one.
    """

    users_B: Tensor
    """Whose items are excluded, and whose row collaborative filters look up; int64."""
    ends_B: Tensor
    """The history of query b is history.items_E[starts_U1[users_B[b]] : ends_B[b]]."""
    history: History

    @classmethod
    def of_pairs(cls, history: History, rows_B: Tensor) -> Queries:
        """Return the queries that the events at some rows of the history answer.

        Each reads what its user did before that event.
        """
        users_B = torch.searchsorted(history.starts_U1, rows_B, right=True) - 1
        return cls(users_B, rows_B, history)

    @classmethod
    def of_users(cls, history: History, users_B: Tensor) -> Queries:
        """Return the queries of users who have all of their history behind them."""
        return cls(users_B, history.starts_U1[users_B + 1], history)

    @classmethod
    def at(cls, history: History, users_B: Tensor, ends_B: Tensor) -> Queries:
        """Return queries that read each user's history up to a row, which is excluded.

        Used where a held-out event lies inside a history that is known.
        """
        return cls(users_B, ends_B, history)


class Pairs(NamedTuple):
    """Observed pairs: B queries and the item each of them led to."""

    queries: Queries
    items_B: Tensor
    weights_B: Tensor | None = None
    """Weight of each pair's loss; None: all pairs weigh the same."""

    def weigh(self, losses_B: Tensor) -> Tensor:
        """Return losses times the pairs' weights."""
        return losses_B if self.weights_B is None else losses_B * self.weights_B


class Rows(NamedTuple):
    """Embeddings gathered for some ids."""

    scored: Tensor
    """What scores are made of, (..., D)."""

    free: Tensor
    """The parameters behind it, which l2 shrinks, (..., D); the same tensor for MF."""


class Scorer(Protocol):
    """One forward pass of a model; a score is the inner product of its rows."""

    @property
    def num_layers(self) -> int:
        """L: an item's row is the mean of so many layers."""
        ...

    def queries(self, queries: Queries) -> Rows:
        """Return the rows of queries: (B, D)."""
        ...

    def items(self, items: Tensor) -> Rows:
        """Return the rows of items of any shape: (..., D)."""
        ...

    def item_layers(self, items_XL: Tensor) -> Tensor:
        """Return layer l of the item at [..., l]: (..., L, D)."""
        ...

    def all_items(self) -> Tensor:
        """Return the rows of the whole catalogue: (I, D)."""
        ...


@runtime_checkable
class ItemTabled(Protocol):
    """A scorer whose items' rows are the rows of a table that kernels can read."""

    unit: bool
    """Whether the scorer divides the table's rows by their lengths."""

    def item_table(self) -> Tensor | None:
        """Return the items' rows (I, D); None: they are in no table."""
        ...


@runtime_checkable
class Tabled(ItemTabled, Protocol):
    """A scorer whose queries' rows, too, are rows of a table: those of their users."""

    def tables(self) -> tuple[Tensor, Tensor] | None:
        """Return users' rows (U, D) and items' (I, D); None: they are in no table.

        Where both are leaf parameters, these are also the free rows.
        """
        ...


@runtime_checkable
class Layered(Protocol):
    """A scorer whose layers are rows of tables, too."""

    def layer_tables(self) -> list[Tensor]:
        """Return items' rows in each layer: L of (I, D)."""
        ...
