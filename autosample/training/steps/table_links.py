"""Links whose scores come from kernels: gradients stop at them, and what they mean for
rows is worked out in closed form.

A score is s = c_u c_i <u, i>, where c is one over a row's length with cosines and one
without. So with g = dL/ds, u gets g c_u c_i i - g s c_u^2 u (the second with cosines
alone), and i the same with both exchanged; l2 adds to a row a multiple of itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from autosample.core.links import Ingredients, Linked
from autosample.kernels.scores import link
from autosample.kernels.updates import Columns, Links

Floats = NDArray[np.float32]


class Pulls(NamedTuple):
    """What a block does to rows, as kernels take it."""

    links: Links
    columns: Columns


@dataclass(frozen=True)
class Tables:
    """Rows that scores are made of."""

    users: Tensor
    items: Tensor
    unit: bool
    """Whether rows count as if of length one."""


@dataclass(frozen=True)
class _Pairs:
    """Queries linked to items of their own; scores and squares are leaves."""

    items: Tensor
    scores: Tensor
    squares: Tensor
    lengths_u: Floats
    """One over the lengths of the queries' rows."""
    lengths_i: Floats


@dataclass(frozen=True)
class _Columns:
    """Queries linked to the same items."""

    items: Tensor
    rows: Tensor
    """As they are scored: (C, D)."""
    scores: Tensor
    squares: Tensor
    lengths: Tensor
    """One over the lengths of the items' rows: (1, C)."""


@dataclass(frozen=True)
class _Made:
    """Rows that negatives are made of; both are leaves."""

    items: Tensor
    """(B, X)"""
    users: Tensor
    """(B, D)"""
    rows: Tensor
    """(B, X, D)"""


@dataclass
class TableLinks:
    """Links of a batch; remembers them until `pulls` tells what they come to."""

    tables: Tables
    users_B: Tensor
    rows_BD: Tensor
    """The users' rows as they are scored."""
    parts: list[TableLinks] = field(default_factory=list)
    """Links of parts of the batch, where it was taken apart."""

    def __post_init__(self) -> None:
        self._own = torch.zeros(len(self.users_B), requires_grad=True)
        self._pairs: _Pairs | None = None
        self._columns: list[_Columns] = []
        self._made: list[_Made] = []

    def own_squares(self) -> Tensor:
        return self._own

    def pairs(self, items_BX: Tensor) -> Linked:
        assert self._pairs is None, "a batch is linked once"
        scores, lengths_u, lengths_i = link(
            self.tables.users.numpy(),
            self.tables.items.numpy(),
            self.users_B.numpy(),
            items_BX.numpy(),
            self.tables.unit,
        )
        leaf = torch.from_numpy(scores).requires_grad_()
        # Their values are told to nobody: only the gradient of the penalty counts.
        squares = torch.zeros(items_BX.shape, requires_grad=True)
        self._pairs = _Pairs(items_BX, leaf, squares, lengths_u, lengths_i)
        return Linked(leaf, squares)

    def columns(self, items_1X: Tensor) -> Linked:
        rows = self.tables.items[items_1X[0]]
        lengths = torch.ones(1, len(rows))
        if self.tables.unit:
            lengths = 1 / rows.norm(dim=1).clamp_(min=1e-12)[None]
            rows = normalize(rows)
        scores = (self.rows_BD @ rows.T).requires_grad_()
        squares = torch.zeros(items_1X.shape, requires_grad=True)
        self._columns.append(_Columns(items_1X[0], rows, scores, squares, lengths))
        return Linked(scores, squares)

    def ingredients(self, positives_B: Tensor, items_BNL: Tensor) -> Ingredients:
        """Gather rows of one layer, and let gradients flow to them."""
        items_BX = torch.cat([positives_B[:, None], items_BNL[..., 0]], 1)
        users = self.tables.users[self.users_B].requires_grad_()
        rows = self.tables.items[items_BX].requires_grad_()
        self._made.append(_Made(items_BX, users, rows))
        if self.tables.unit:
            users, rows = normalize(users, dim=-1), normalize(rows, dim=-1)
        return Ingredients(users, rows[:, :1], rows[:, 1:, None])

    def part(self, at_X: Tensor) -> TableLinks:
        mine = TableLinks(self.tables, self.users_B[at_X], self.rows_BD[at_X])
        self.parts.append(mine)
        return mine

    def pulls(self, *, shrink: bool | None = None) -> Pulls:
        """Return gradients in closed form, after the backward pass to the leaves.

        `shrink`: only what l2 does to rows, or only what scores do; None: both.
        """
        linked = self.parts or [self]
        links = [each._links(shrink) for each in linked]
        columns = [column for each in linked for column in each._column_pulls(shrink)]
        return Pulls(_joined_links(links), _joined_columns(columns, self.rows_BD))

    def _links(self, shrink: bool | None) -> Links:
        assert self._pairs is not None
        pairs, count = self._pairs, len(self.users_B)
        slopes, scores = _grad(pairs.scores), pairs.scores.detach().numpy()
        own, theirs = np.zeros(count, np.float32), np.zeros_like(slopes)
        between, extra = np.zeros_like(slopes), np.zeros((0, self.width), np.float32)
        if shrink is not True:
            between = slopes * pairs.lengths_u[:, None] * pairs.lengths_i
            if self._columns or self._made:
                extra = self._extra(pairs.lengths_u)
            if self.tables.unit:
                turned = slopes * scores
                theirs = theirs - turned * pairs.lengths_i**2
                total = turned.sum(1) + sum(_turned(e).sum(1) for e in self._columns)
                own = own - total * pairs.lengths_u**2
        if shrink is not False:
            own = own + 2 * _grad(self._own)
            theirs = theirs + 2 * _grad(pairs.squares)
        return Links(
            self.users_B.numpy(), pairs.items.numpy(), between, own, theirs, extra
        )

    def _extra(self, lengths_u: Floats) -> Floats:
        """Return what columns and made negatives add to users' rows: (B, D)."""
        extra = torch.zeros_like(self.rows_BD)
        for each in self._columns:
            extra += _grad_tensor(each.scores) @ each.rows
        extra *= torch.from_numpy(lengths_u)[:, None]
        for made in self._made:
            extra += _grad_tensor(made.users)
        found: Floats = extra.numpy()
        return found

    def _column_pulls(self, shrink: bool | None) -> list[Columns]:
        found = [
            Columns(
                made.items.reshape(-1).numpy(),
                np.zeros(made.items.numel(), np.float32),
                _grad(made.rows).reshape(-1, self.width),
            )
            for made in self._made
        ]
        for each in self._columns:
            own = np.zeros(len(each.items), np.float32)
            extra = torch.zeros_like(each.rows)
            if shrink is not True:
                extra = _grad_tensor(each.scores).T @ self.rows_BD * each.lengths.T
                if self.tables.unit:
                    own = own - _turned(each).sum(0) * each.lengths[0].numpy() ** 2
            if shrink is not False:
                own = own + 2 * _grad(each.squares)[0]
            found.append(Columns(each.items.numpy(), own, extra.numpy()))
        return found

    @property
    def width(self) -> int:
        return self.rows_BD.shape[1]


def _grad_tensor(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _grad(leaf: Tensor) -> Floats:
    found: Floats = _grad_tensor(leaf).numpy()
    return found


def _turned(columns: _Columns) -> Floats:
    found: Floats = (_grad_tensor(columns.scores) * columns.scores.detach()).numpy()
    return found


def _joined_links(links: list[Links]) -> Links:
    """Put parts of a batch together; where one has fewer items, its first again, at
    no weight."""
    if len(links) == 1:
        return links[0]
    width = max(each.items.shape[1] for each in links)
    extra = [
        each.extra
        if len(each.extra)
        else np.zeros((len(each.users), each.extra.shape[1]), np.float32)
        for each in links
    ]
    return Links(
        np.concatenate([each.users for each in links]),
        np.concatenate(
            [_widened(each.items, width, each.items[:, :1]) for each in links]
        ),
        np.concatenate([_widened(each.between, width, 0) for each in links]),
        np.concatenate([each.own for each in links]),
        np.concatenate([_widened(each.theirs, width, 0) for each in links]),
        np.concatenate(extra)
        if any(len(each.extra) for each in links)
        else links[0].extra,
    )


def _widened(array: NDArray[Any], width: int, fill: object) -> NDArray[Any]:
    wide = np.empty((len(array), width), array.dtype)
    wide[:] = fill
    wide[:, : array.shape[1]] = array
    return wide


def _joined_columns(columns: list[Columns], rows_BD: Tensor) -> Columns:
    if not columns:
        none = np.zeros((0, rows_BD.shape[1]), np.float32)
        return Columns(np.zeros(0, np.int64), np.zeros(0, np.float32), none)
    if len(columns) == 1:
        return columns[0]
    return Columns(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))
