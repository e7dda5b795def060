"""Products of a sparse matrix (CSR) with a dense table."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from threading import Thread
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.jit import compiled

Floats = NDArray[np.float32]

_ZERO = np.float32(0)


class Sparse(NamedTuple):
    """A sparse matrix in compressed rows (CSR)."""

    starts: NDArray[np.int32]
    """Row r has the entries starts[r] to starts[r + 1]: (rows + 1,)."""
    columns: NDArray[np.int32]
    """Column of each entry."""
    values: Floats
    """Value of each entry."""


class Share(NamedTuple):
    """The rows first..last - 1 of one thread, and the factor of their sums."""

    first: int
    last: int
    times: np.float32


@compiled
def multiply(
    matrix: Sparse, table: Floats, plus: Floats, out: Floats, share: Share
) -> None:
    """Compute out = times * (matrix @ table + plus) for a share of the rows.

    An empty `plus` adds nothing.
    """
    # Unpacked once: numba counts a reference at every access to a tuple's array.
    starts, columns, values = matrix
    width, times = table.shape[1], share.times
    sums = np.empty(width, np.float32)
    for row in range(share.first, share.last):
        if len(plus) > 0:
            for d in range(width):
                sums[d] = plus[row, d]
        else:
            for d in range(width):
                sums[d] = _ZERO
        at, end = starts[row], starts[row + 1]
        # Four entries at a time, so that sums stay in registers for longer.
        while at + 3 < end:
            a, b, c, e = columns[at], columns[at + 1], columns[at + 2], columns[at + 3]
            x, y, z, w = values[at], values[at + 1], values[at + 2], values[at + 3]
            for d in range(width):
                sums[d] += (
                    x * table[a, d]
                    + y * table[b, d]
                    + z * table[c, d]
                    + w * table[e, d]
                )
            at += 4
        while at < end:
            a, x = columns[at], values[at]
            for d in range(width):
                sums[d] += x * table[a, d]
            at += 1
        for d in range(width):
            out[row, d] = times * sums[d]


@compiled
def multiply_few(
    matrix: Sparse, table: Floats, used: NDArray[np.bool_], out: Floats, share: Share
) -> None:
    """Compute out = matrix @ table + table, reading only the rows that are `used`.

    The other rows of the table must be zero.
    """
    starts, columns, values = matrix
    width, sums = table.shape[1], np.empty(table.shape[1], np.float32)
    for row in range(share.first, share.last):
        for d in range(width):
            sums[d] = table[row, d]
        for at in range(starts[row], starts[row + 1]):
            a, x = columns[at], values[at]
            if used[a]:
                for d in range(width):
                    sums[d] += x * table[a, d]
        for d in range(width):
            out[row, d] = sums[d]


def product(
    matrix: Sparse, table: Floats, plus: Floats, threads: int, times: float = 1.0
) -> Floats:
    """Return times * (matrix @ table + plus), computed by `threads` threads.

    Each row is summed by one thread, so bytes do not depend on the number of threads.
    """
    out = np.empty((len(matrix.starts) - 1, table.shape[1]), np.float32)
    _by_threads(
        matrix,
        threads,
        times,
        lambda share: multiply(matrix, table, plus, out, share),
    )
    return out


def product_of_few(
    matrix: Sparse, table: Floats, used: NDArray[np.bool_], threads: int
) -> Floats:
    """Return matrix @ table + table for a table whose rows are zero unless `used`."""
    out = np.empty_like(table)
    _by_threads(
        matrix,
        threads,
        1.0,
        lambda share: multiply_few(matrix, table, used, out, share),
    )
    return out


def _by_threads(
    matrix: Sparse, threads: int, times: float, work: Callable[[Share], None]
) -> None:
    """Call `work` in each thread for its share of the rows, of equally many entries.

    Plain threads suffice, because kernels release the interpreter's lock, and none of
    them outlives the call.
    """
    total, rows = int(matrix.starts[-1]), len(matrix.starts) - 1
    cuts = [total * at // threads for at in range(1, threads)]
    ends = [0, *np.searchsorted(matrix.starts, cuts).tolist(), rows]
    shares = [Share(*ends, np.float32(times)) for ends in pairwise(ends)]
    if threads == 1:
        work(shares[0])
        return
    workers = [Thread(target=work, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
