"""The nouns that models, samplers and losses share.

Shapes, the same letters in every file:
    U users    I items    E observed pairs    D embedding width    L layers
    B pairs in a batch    M items in a pool   N negatives per pair
    K candidate samplers  C items shared by a batch
A 1 in place of a letter is a dimension of size one, kept to broadcast. X is any size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


class Moment(NamedTuple):
    """How far a training has come; curricula and schedules depend on it."""

    epoch: int = 0
    """Number of finished epochs."""
    planned: int = 1
    """Largest number of epochs of the training."""

    def share(self, course: int) -> float:
        """Return the finished share of a change that takes `course` epochs: 0 to 1.

        In a training planned for fewer epochs, such as a rung of a race, the change is
        complete at its end.
        """
        return min(self.epoch / min(course, self.planned), 1.0)


START = Moment()


class History(NamedTuple):
    """Every user's items in time order, of which a query reads a beginning."""

    starts_U1: Tensor
    """User u's items are items_E[starts[u] : starts[u + 1]]; int64."""
    items_E: Tensor
    """Item of each event, repeats included; int32."""


class Queries(NamedTuple):
    """B queries: users, each with their history up to a point.

    Make them with `of_pairs`, `of_users` or `at` only, which say what may be read: a
    query that is made from a training pair never reads that pair or a later one.
    """

    users_B: Tensor
    """User of each query, whose observed items are never negatives; int64."""
    ends_B: Tensor
    """The history of query b is history.items_E[starts_U1[users_B[b]] : ends_B[b]]."""
    history: History

    @classmethod
    def of_pairs(cls, history: History, rows_B: Tensor) -> Queries:
        """Return the queries that are answered by the events in some rows.

        Each reads its user's events before that row, never that row or later ones.
        """
        users_B = torch.searchsorted(history.starts_U1, rows_B, right=True) - 1
        return cls(users_B, rows_B, history)

    @classmethod
    def of_users(cls, history: History, users_B: Tensor) -> Queries:
        """Return queries that read the users' whole histories."""
        return cls(users_B, history.starts_U1[users_B + 1], history)

    @classmethod
    def at(cls, history: History, users_B: Tensor, ends_B: Tensor) -> Queries:
        """Return queries that read each user's history up to a row, which is excluded.

        Used where a held-out event has later events after it in the known history.
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
    """Embeddings of some queries or items."""

    scored: Tensor
    """Rows whose inner products are scores: (..., D)."""

    free: Tensor
    """Parameters that these rows are computed from, and that l2 shrinks: (..., D). The
    same tensor for MF."""


Refresh = Callable[[Tensor], None]
"""Brings the rows of some items up to date, which are about to be read."""


class Scorer(Protocol):
    """The result of a model's forward pass: rows whose inner products are scores."""

    @property
    def num_layers(self) -> int:
        """L, the number of layers of which an item's row is the mean."""
        ...

    def queries(self, queries: Queries) -> Rows:
        """Return the rows of queries: (B, D)."""
        ...

    def items(self, items: Tensor) -> Rows:
        """Return the rows of items of any shape: (..., D)."""
        ...

    def item_layers(self, items_XL: Tensor) -> Tensor:
        """Return layer l of the item in column l: (..., L, D)."""
        ...

    def all_items(self) -> Tensor:
        """Return the rows of all items: (I, D)."""
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
