"""Negatives that a whole batch shares, of which each user's own items do not count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.draws import Seen
from autosample.kernels.jit import compiled
from autosample.kernels.rows import Floats

Ints = NDArray[np.int64]
Heads = NDArray[np.int32]


class Allowed(NamedTuple):
    """Which of the shared negatives count, in sums."""

    counts: Ints
    """Number of negatives that count for each pair: (B,)."""
    shares: Floats
    """Sum over pairs of the weight of each negative, where those of one pair share its
    weight equally: (C,)."""


@compiled
def forget_seen(
    values: Floats,
    seen: Seen,
    users: Ints,
    items: Ints,
    weights: Floats,
    heads: Heads,
) -> Allowed:
    """Set values (B, C) to zero where user b has observed item c, and count the others.

    `weights` are those of the pairs: (B,). `heads` is scratch space of a number per
    item that is zero between calls: (I,). It makes the cost that of the users' items,
    not that of B times C.
    """
    starts, known = seen.starts, seen.items
    nexts = np.zeros(len(items), np.int32)
    for c in range(len(items)):  # a list of the columns of each item
        nexts[c] = heads[items[c]]
        heads[items[c]] = c + 1
    counts = np.full(len(users), len(items))
    taken, total = np.zeros(len(items)), 0.0
    found = np.empty(len(items), np.int64)
    for b in range(len(users)):
        u, hits = users[b], 0
        for at in range(starts[u], starts[u + 1]):
            c = heads[known[at]]
            while c > 0:
                values[b, c - 1] = 0
                found[hits] = c - 1
                hits += 1
                c = nexts[c - 1]
        counts[b] -= hits
        share = weights[b] / max(counts[b], 1)
        if counts[b] > 0:
            total += share
            for c in found[:hits]:
                taken[c] += share
    for c in range(len(items)):
        heads[items[c]] = 0
    shares = np.empty(len(items), np.float32)
    for c in range(len(items)):
        shares[c] = total - taken[c]
    return Allowed(counts, shares)
