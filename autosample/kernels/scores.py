"""Scores of items for queries, computed from the tables without copying rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.jit import compiled
from autosample.kernels.rows import dot

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_TINY = np.float32(1e-24)
"""Least squared length of a row, which avoids a division by zero."""


@compiled
def score(queries: Floats, table: Floats, items: Ints, unit: bool) -> Floats:
    """Return inner products of queries (B, D) with their items (B, M): (B, M).

    With `unit` the table's rows are normalised to length 1.
    """
    scores = np.empty(items.shape, np.float32)
    for row in range(len(items)):
        for column in range(items.shape[1]):
            item = items[row, column]
            value = dot(queries, row, table, item)
            if unit:
                value /= np.sqrt(max(dot(table, item, table, item), _TINY))
            scores[row, column] = value
    return scores


@compiled
def link(
    users: Floats, items: Floats, users_B: Ints, items_BX: Ints, unit: bool
) -> tuple[Floats, Floats, Floats]:
    """Return scores of items for users, both by id: (B, X), and rows' inverse lengths.

    The inverse lengths are (B,) for users and (B, X) for items, all ones without
    `unit`.
    """
    scores = np.empty(items_BX.shape, np.float32)
    own = np.ones(len(users_B), np.float32)
    theirs = np.ones(items_BX.shape, np.float32)
    for b in range(len(users_B)):
        u = users_B[b]
        if unit:
            own[b] = 1 / np.sqrt(max(dot(users, u, users, u), _TINY))
        for x in range(items_BX.shape[1]):
            i = items_BX[b, x]
            value = dot(users, u, items, i)
            if unit:
                theirs[b, x] = 1 / np.sqrt(max(dot(items, i, items, i), _TINY))
                value *= own[b] * theirs[b, x]
            scores[b, x] = value
    return scores, own, theirs
