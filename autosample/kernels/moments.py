"""Steps of Adam and of momentum on the rows that a batch uses, exactly as if every row
took a step each time.

A row whose gradient is zero still moves, because its moments outlive their gradient.
All that k such steps do to a row is one multiplication of each moment and one step
along their quotient, so it is done at once, before the row is next read: `refresh`.
Adam's eps then shrinks with the second moment, which matters only where gradients are
as small as eps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.jit import compiled, inlined
from autosample.kernels.rows import Floats

Ints = NDArray[np.int64]
Clocks = NDArray[np.int32]
Series = NDArray[np.float32]


class Moments(NamedTuple):
    """A table of parameters in training, and the moments of its gradients."""

    table: Floats
    """The parameters: (rows, D)."""
    first: Floats
    """Running mean of the gradients: (rows, D)."""
    second: Floats
    """Running mean of the squared gradients: (rows, D); (0, D) for plain momentum."""
    clocks: Clocks
    """The step up to which each row is up to date: (rows,)."""


class Lag(NamedTuple):
    """What the steps from each past step j until now do to a row without gradient."""

    moves: Series
    """Factor of the moments' quotient at step j, which is subtracted: (now + 1,)."""
    keeps: Series
    """Factor of the parameters, which decay: (now + 1,)."""
    first: Series
    """Factor of the first moment after each number of steps: (now + 1,)."""
    second: Series
    """Factor of the second moment after each number of steps: (now + 1,)."""


class Pace(NamedTuple):
    """One step: first = beta first + gain g, and so the second moment of g^2; then
    table = keep table - rate first / (sqrt(second) + eps)."""

    rate: np.float32
    """Learning rate, times the corrections of both moments' bias."""
    keep: np.float32
    beta_first: np.float32
    gain_first: np.float32
    beta_second: np.float32
    gain_second: np.float32
    eps: np.float32
    """Adam's eps, without the correction of the second moment's bias."""


@inlined
def _catch_up(
    table: Floats,
    first: Floats,
    second: Floats,
    at: np.int64,
    move: np.float32,
    keep: np.float32,
    fades: np.float32,
    shrinks: np.float32,
    eps: np.float32,
) -> None:
    if len(second) > 0:
        for d in range(table.shape[1]):
            mean, square = first[at, d], second[at, d]
            step = move * mean / (np.sqrt(square) + eps)
            table[at, d] = keep * table[at, d] - step
            first[at, d] = mean * fades
            second[at, d] = square * shrinks
    else:
        for d in range(table.shape[1]):
            mean = first[at, d]
            table[at, d] = keep * table[at, d] - move * mean
            first[at, d] = mean * fades


@compiled
def refresh(rows: Moments, ids: Ints, lag: Lag, eps: np.float32) -> None:
    """Bring some rows up to date; ids may repeat."""
    table, first, second, clocks = rows
    moves, keeps, fades, shrinks = lag
    now = len(moves) - 1
    for at in ids.flat:
        j = clocks[at]
        if j != now:
            k = now - j
            _catch_up(
                table, first, second, at, moves[j], keeps[j], fades[k], shrinks[k], eps
            )
            clocks[at] = now


@compiled
def step_rows(rows: Moments, ids: Ints, gradients: Floats, pace: Pace) -> None:
    """Step distinct rows that are up to date along their gradients (X, D)."""
    table, first, second, clocks = rows
    rate, keep, beta_first, gain_first, beta_second, gain_second, eps = pace
    width = table.shape[1]
    for x in range(len(ids)):
        at = ids[x]
        clocks[at] += 1
        if len(second) > 0:
            for d in range(width):
                gradient = gradients[x, d]
                mean = beta_first * first[at, d] + gain_first * gradient
                square = beta_second * second[at, d] + gain_second * gradient * gradient
                first[at, d], second[at, d] = mean, square
                step = rate * mean / (np.sqrt(square) + eps)
                table[at, d] = keep * table[at, d] - step
        else:
            for d in range(width):
                mean = beta_first * first[at, d] + gain_first * gradients[x, d]
                first[at, d] = mean
                table[at, d] = keep * table[at, d] - rate * mean
