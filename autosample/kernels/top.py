"""The K best of each row of scores, exactly; stretches without any are skipped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.jit import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_STRETCH = 64
"""Scores that are compared with the K-th best at once, before any is inserted."""


class Lists(NamedTuple):
    """A list of items per user, which must ascend."""

    starts: Ints
    """The items of user u are items[starts[u]:starts[u + 1]]: (U + 1,)."""
    items: NDArray[np.int32]
    """Items of all users, ascending for each user."""


class Best(NamedTuple):
    """The best items of B users so far."""

    scores: Floats
    """The K highest scores, descending: (B, K)."""
    items: Ints
    """Their items, or -1 where there is none yet: (B, K)."""
    places: Ints
    """Index of each user's next masked item: (B,)."""


def empty(users: Ints, k: int, masked: Lists) -> Best:
    """Return the state before the first call of `look`."""
    shape = (len(users), k)
    return Best(
        np.full(shape, -np.inf, np.float32),
        np.full(shape, -1, np.int64),
        masked.starts[users],
    )


@compiled
def look(best: Best, scores: Floats, first: int, users: Ints, masked: Lists) -> None:
    """Update the best with scores (B, C) of C items from `first` on.

    Masked items are set to minus infinity in `scores`. Calls must cover items in
    ascending order, as each user's position in the masked items only moves forward. Of
    equal scores the first item ranks first.
    """
    top, best_items, places = best
    starts, items = masked
    last, count = top.shape[1] - 1, scores.shape[1]
    for row in range(len(users)):
        place, end = places[row], starts[users[row] + 1]
        while place < end and items[place] < first + count:
            scores[row, items[place] - first] = -np.inf
            place += 1
        places[row] = place
        line = scores[row]
        for begin in range(0, count, _STRETCH):
            stop = min(begin + _STRETCH, count)
            if not _any_above(line[begin:stop], top[row, last]):
                continue
            for column in range(begin, stop):
                if line[column] > top[row, last]:
                    _insert(top, best_items, row, line[column], first + column)


@compiled
def _any_above(scores: Floats, bound: np.float32) -> bool:
    """Tell whether any score exceeds the bound."""
    above = np.int32(0)
    if len(scores) == _STRETCH:  # a constant length compiles to a few instructions
        for at in range(_STRETCH):
            above |= np.int32(scores[at] > bound)
    else:
        for at in range(len(scores)):
            above |= np.int32(scores[at] > bound)
    return bool(above != 0)


@compiled
def _insert(
    top: Floats, best_items: Ints, row: int, score: np.float32, item: int
) -> None:
    """Insert an item into a row that is sorted by score; the last item drops out."""
    at = top.shape[1] - 1
    while at > 0 and top[row, at - 1] < score:
        top[row, at], best_items[row, at] = top[row, at - 1], best_items[row, at - 1]
        at -= 1
    top[row, at], best_items[row, at] = score, item


@compiled
def marked(best_items: Ints, users: Ints, held_out: Lists) -> NDArray[np.bool_]:
    """Tell which of the users' best items are held out, by binary search: (B, K)."""
    starts, items = held_out
    marks = np.zeros(best_items.shape, np.bool_)
    for row in range(len(users)):
        for column in range(best_items.shape[1]):
            first, stop = starts[users[row]], starts[users[row] + 1]
            end = stop
            while first < stop:
                middle = (first + stop) >> 1
                if items[middle] < best_items[row, column]:
                    first = middle + 1
                else:
                    stop = middle
            if first < end and items[first] == best_items[row, column]:
                marks[row, column] = True
    return marks
