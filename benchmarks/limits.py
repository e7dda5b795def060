"""What the machine allows: copies, random rows, products, measured in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from autosample.kernels.jit import compiled
from autosample.kernels.rows import Floats
from autosample.kernels.updates import Ints

ROWS, WIDTH = 70_000, 64  # 18 MB, Gowalla's rows


def best(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the seconds of the fastest of some calls, after a first not counted."""
    work()
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


@compiled
def _read_rows(table: Floats, ids: Ints, out: Floats) -> None:
    for at in ids:
        for d in range(table.shape[1]):
            out[d] += table[at, d]


def limits() -> dict[str, float]:
    """Measure on one thread: GB read and written a second, rows, and operations."""
    big = np.ones(50_000_000, np.float32)
    other = np.empty_like(big)
    table = np.ones((ROWS, WIDTH), np.float32)
    ids = np.random.default_rng(0).integers(0, ROWS, 1_000_000)
    out = np.zeros(WIDTH, np.float32)
    square = torch.rand(1024, 1024)
    made = torch.empty(1024, 1024)
    copied = best(lambda: np.copyto(other, big))
    read = best(lambda: _read_rows(table, ids, out))
    product = best(lambda: torch.mm(square, square, out=made))
    return {
        # As the yardstick counts: bytes copied, each of them read and written.
        "copy_gb_per_s": big.nbytes / copied / 1e9,
        "random_rows_per_s": len(ids) / read,
        "product_gflop_per_s": 2 * 1024**3 / product / 1e9,
    }
