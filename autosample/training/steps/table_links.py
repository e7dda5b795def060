"""Links whose scores come from kernels. Automatic gradients stop at the scores;
gradients of rows follow from those of the scores in closed form.

A score is s = c_u c_i <u, i>, where c is 1 / (length of the row) with cosines, else 1.
With g = dL/ds the gradient of u is g c_u c_i i - g s c_u^2 u, where the second term is
for cosines only; that of i has u and i exchanged. l2 adds a multiple of the row itself.
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
from autosample.core.types import Refresh
from autosample.kernels.scores import link
from autosample.kernels.updates import Columns, Links

Floats = NDArray[np.float32]


class Pulls(NamedTuple):
    """Gradients of a batch's rows, in the form that kernels take."""

    links: Links
    columns: Columns


@dataclass(frozen=True)
class Tables:
    """Tables of the rows whose inner products are scores."""

    users: Tensor
    items: Tensor
    unit: bool
    """Whether rows are divided by their lengths."""
    refresh: Refresh | None = None
    """Brings items' rows up to date; called before they are read."""

    def read(self, items: Tensor) -> Tensor:
        """Return the items' table, of which some rows will be read."""
        if self.refresh is not None:
            self.refresh(items)
        return self.items


@dataclass(frozen=True)
class _Pairs:
    """Queries scored with items of their own; scores and squares are leaf tensors."""

    items: Tensor
    scores: Tensor
    squares: Tensor
    lengths_u: Floats
    """1 / length of each query's row."""
    lengths_i: Floats
    """1 / length of each item's row."""


@dataclass(frozen=True)
class _Columns:
    """Queries scored with the same items; scores and squares are leaf tensors."""

    items: Tensor
    rows: Tensor
    """The items' rows, of length one with cosines: (C, D)."""
    scores: Tensor
    squares: Tensor
    lengths: Tensor
    """1 / length of each item's row: (1, C)."""


@dataclass(frozen=True)
class _Made:
    """Rows that negatives are made of; both are leaf tensors."""

    items: Tensor
    """(B, X)"""
    users: Tensor
    """(B, D)"""
    rows: Tensor
    """(B, X, D)"""


@dataclass
class TableLinks:
    """Links of a batch, which remember what was scored until `pulls` is called."""

    tables: Tables
    users_B: Tensor
    rows_BD: Tensor
    """The users' rows, of length one with cosines."""
    parts: list[TableLinks] = field(default_factory=list)
    """Links of parts of the batch, if `part` was called."""

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
            self.tables.read(items_BX).numpy(),
            self.users_B.numpy(),
            items_BX.numpy(),
            self.tables.unit,
        )
        leaf = torch.from_numpy(scores).requires_grad_()
        # Only their gradients are used, so the values stay zero.
        squares = torch.zeros(items_BX.shape, requires_grad=True)
        self._pairs = _Pairs(items_BX, leaf, squares, lengths_u, lengths_i)
        return Linked(leaf, squares)

    def columns(self, items_1X: Tensor) -> Linked:
        rows = self.tables.read(items_1X)[items_1X[0]]
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
        rows = self.tables.read(items_BX)[items_BX].requires_grad_()
        self._made.append(_Made(items_BX, users, rows))
        if self.tables.unit:
            users, rows = normalize(users, dim=-1), normalize(rows, dim=-1)
        return Ingredients(users, rows[:, :1], rows[:, 1:, None])

    def part(self, at_X: Tensor) -> TableLinks:
        mine = TableLinks(self.tables, self.users_B[at_X], self.rows_BD[at_X])
        self.parts.append(mine)
        return mine

    def pulls(self, *, shrink: bool | None = None) -> Pulls:
        """Return gradients of rows, after the backward pass has reached the leaves.

        `shrink`: True for the gradients of l2 only, False for those of scores only,
        None for both.
        """
        linked = self.parts or [self]
        links = [part._links(shrink) for part in linked]
        columns = [column for part in linked for column in part._column_pulls(shrink)]
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
        """Return gradients of users' rows from columns and made negatives: (B, D)."""
        extra = torch.zeros_like(self.rows_BD)
        for columns in self._columns:
            extra += _grad_tensor(columns.scores) @ columns.rows
        extra *= torch.from_numpy(lengths_u)[:, None]
        for made in self._made:
            extra += _grad_tensor(made.users)
        gradients: Floats = extra.numpy()
        return gradients

    def _column_pulls(self, shrink: bool | None) -> list[Columns]:
        pulls = [
            Columns(
                made.items.reshape(-1).numpy(),
                np.zeros(made.items.numel(), np.float32),
                _grad(made.rows).reshape(-1, self.width),
            )
            for made in self._made
        ]
        for columns in self._columns:
            own = np.zeros(len(columns.items), np.float32)
            extra = torch.zeros_like(columns.rows)
            if shrink is not True:
                slopes_CB = _grad_tensor(columns.scores).T
                extra = slopes_CB @ self.rows_BD * columns.lengths.T
                if self.tables.unit:
                    squares_C = columns.lengths[0].numpy() ** 2
                    own = own - _turned(columns).sum(0) * squares_C
            if shrink is not False:
                own = own + 2 * _grad(columns.squares)[0]
            pulls.append(Columns(columns.items.numpy(), own, extra.numpy()))
        return pulls

    @property
    def width(self) -> int:
        """D."""
        return self.rows_BD.shape[1]


def _grad_tensor(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _grad(leaf: Tensor) -> Floats:
    gradient: Floats = _grad_tensor(leaf).numpy()
    return gradient


def _turned(columns: _Columns) -> Floats:
    """Return dL/ds times s, the part of the gradient that turns a row: (B, C)."""
    turned: Floats = (_grad_tensor(columns.scores) * columns.scores.detach()).numpy()
    return turned


def _joined_links(links: list[Links]) -> Links:
    """Return the links of all parts of a batch as one.

    A part with fewer items per query is filled up with its first item, at weight zero.
    """
    if len(links) == 1:
        return links[0]
    width = max(part.items.shape[1] for part in links)
    extra = [
        part.extra
        if len(part.extra)
        else np.zeros((len(part.users), part.extra.shape[1]), np.float32)
        for part in links
    ]
    return Links(
        np.concatenate([part.users for part in links]),
        np.concatenate(
            [_widened(part.items, width, part.items[:, :1]) for part in links]
        ),
        np.concatenate([_widened(part.between, width, 0) for part in links]),
        np.concatenate([part.own for part in links]),
        np.concatenate([_widened(part.theirs, width, 0) for part in links]),
        np.concatenate(extra)
        if any(len(part.extra) for part in links)
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
