"""Arithmetic of rows of tables, which are addressed by table and number.

Making a view of a row would cost as much as the arithmetic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.jit import inlined

Floats = NDArray[np.float32]

_ZERO = np.float32(0)


@inlined
def dot(left: Floats, row: int, right: Floats, other: int) -> np.float32:
    """Return the inner product of two rows."""
    total = _ZERO
    for d in range(left.shape[1]):
        total += left[row, d] * right[other, d]
    return total


@inlined
def put(out: Floats, to: int, table: Floats, row: int, times: np.float32) -> None:
    """Set out[to] = times * table[row]."""
    for d in range(out.shape[1]):
        out[to, d] = times * table[row, d]


@inlined
def add(out: Floats, to: int, table: Floats, row: int, times: np.float32) -> None:
    """Add to out[to] the product times * table[row]."""
    for d in range(out.shape[1]):
        out[to, d] += times * table[row, d]


@inlined
def descend(
    table: Floats,
    squares: Floats,
    row: int,
    gradients: Floats,
    at: int,
    rate: np.float32,
    floor: np.float32,
) -> None:
    """Take an Adagrad step of a row along the gradient gradients[at].

    A floor below zero asks for a plain step, which reads no squares.
    """
    if floor < _ZERO:
        for d in range(table.shape[1]):
            table[row, d] -= rate * gradients[at, d]
        return
    for d in range(table.shape[1]):
        gradient = gradients[at, d]
        square = squares[row, d] + gradient * gradient
        squares[row, d] = square
        table[row, d] -= rate * gradient / np.sqrt(square + floor)


@inlined
def descend_linked(
    table: Floats,
    squares: Floats,
    row: int,
    others: Floats,
    other: int,
    own: np.float32,
    times: np.float32,
    rate: np.float32,
    floor: np.float32,
) -> None:
    """Take an Adagrad step of a row along own * table[row] + times * others[other].

    The gradient is not stored, which saves memory traffic. A floor below zero asks for
    a plain step, which reads no squares.
    """
    if floor < _ZERO:
        for d in range(table.shape[1]):
            number = table[row, d]
            gradient = own * number + times * others[other, d]
            table[row, d] = number - rate * gradient
        return
    for d in range(table.shape[1]):
        number = table[row, d]
        gradient = own * number + times * others[other, d]
        square = squares[row, d] + gradient * gradient
        squares[row, d] = square
        table[row, d] = number - rate * gradient / np.sqrt(square + floor)
