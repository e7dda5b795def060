"""The best of each row of scores, exactly: whole stretches are passed over at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.jit import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_STRETCH = 64


class Lists(NamedTuple):
    """Items of each user, ascending."""

    starts: Ints
    """(U + 1,)"""
    items: NDArray[np.int32]


class Best(NamedTuple):
    """The best so far of B users: K scores, highest first, and their items."""

    scores: Floats
    items: Ints
    """-1 where there is none yet."""
    places: Ints
    """How much of each user's masked items is behind: (B,)."""


def empty(users: Ints, k: int, masked: Lists) -> Best:
    """Return the state before any item was looked at."""
    shape = (len(users), k)
    return Best(
        np.full(shape, -np.inf, np.float32),
        np.full(shape, -1, np.int64),
        masked.starts[users],
    )


@compiled
def look(best: Best, scores: Floats, first: int, users: Ints, masked: Lists) -> None:
    """Take in scores (B, C) of the items from `first` on, but for masked ones.

    Items must come in ascending order. Of equal scores the first item stands first.
    """
    top, found, places = best
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
                    _insert(top, found, row, line[column], first + column)


@compiled
def _any_above(scores: Floats, bound: np.float32) -> bool:
    above = np.int32(0)
    if len(scores) == _STRETCH:  # a known length compiles to a few instructions
        for at in range(_STRETCH):
            above |= np.int32(scores[at] > bound)
    else:
        for at in range(len(scores)):
            above |= np.int32(scores[at] > bound)
    return bool(above != 0)


@compiled
def _insert(top: Floats, found: Ints, row: int, score: np.float32, item: int) -> None:
    at = top.shape[1] - 1
    while at > 0 and top[row, at - 1] < score:
        top[row, at], found[row, at] = top[row, at - 1], found[row, at - 1]
        at -= 1
    top[row, at], found[row, at] = score, item


@compiled
def marked(found: Ints, users: Ints, held_out: Lists) -> NDArray[np.bool_]:
    """Tell which of the users' best items are held out: (B, K)."""
    starts, items = held_out
    marks = np.zeros(found.shape, np.bool_)
    for row in range(len(users)):
        for column in range(found.shape[1]):
            first, stop = starts[users[row]], starts[users[row] + 1]
            end = stop
            while first < stop:
                middle = (first + stop) >> 1
                if items[middle] < found[row, column]:
                    first = middle + 1
                else:
                    stop = middle
            if first < end and items[first] == found[row, column]:
                marks[row, column] = True
    return marks
