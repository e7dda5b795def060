"""Scores of items for queries, row by row: no copy of the rows is made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.jit import compiled
from autosample.kernels.rows import dot

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_TINY = np.float32(1e-24)  # squared: no row is shorter, whatever its numbers


@compiled
def score(queries: Floats, table: Floats, items: Ints, unit: bool) -> Floats:
    """Return inner products of queries (B, D) with rows of their items (B, M).

    With `unit` the table's rows count as if of length one.
    """
    found = np.empty(items.shape, np.float32)
    for row in range(len(items)):
        for column in range(items.shape[1]):
            item = items[row, column]
            value = dot(queries, row, table, item)
            if unit:
                value /= np.sqrt(max(dot(table, item, table, item), _TINY))
            found[row, column] = value
    return found


@compiled
def link(
    users: Floats, items: Floats, users_B: Ints, items_BX: Ints, unit: bool
) -> tuple[Floats, Floats, Floats]:
    """Score items for users, both by id: (B, X); and one over the rows' lengths, (B,)
    and (B, X), or ones without `unit`.
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
