"""Training steps of BPR with the first or the hardest item of a pool, many per call.

Draws come from `draws` and updates from `updates`, in the same order and with the same
numbers as the general step; a test compares both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.draws import Alias, Seen, uniform_item, weighted_item
from autosample.kernels.jit import compiled, inlined
from autosample.kernels.rows import Floats, dot
from autosample.kernels.updates import Columns, Ints, Links, Rate, Rows, update

_ONE, _ZERO = np.float32(1), np.float32(0)


class Plan(NamedTuple):
    """The pairs that are trained on, and the settings of a step."""

    users: NDArray[np.int32]
    """User of each training pair: (E,)."""
    items: NDArray[np.int32]
    """Item of each training pair: (E,)."""
    batch: int
    """Pairs per step."""
    pool: int
    """Items drawn per pair, of which the hardest is the negative."""
    l2: np.float32
    """Weight of the penalty on squared embeddings."""
    seen: Seen
    """The observed pairs, which are never negatives."""
    law: Alias
    """Distribution of negatives; an empty table draws uniformly."""


@compiled
def train(
    users: Rows,
    items: Rows,
    plan: Plan,
    order: Ints,
    seeds: NDArray[np.uint64],
    rate: Rate,
) -> float:
    """Train on pairs in the given order, batch by batch; return the sum of losses.

    There is one seed per batch, with which `draws.uniform` or `draws.weighted` would
    draw the same items.
    """
    size, width = min(plan.batch, len(order)), users.table.shape[1]
    # One set of arrays serves all batches; the last batch uses a part of it.
    user_ids, item_ids = np.empty(size, np.int64), np.empty((size, 2), np.int64)
    between, own = np.empty((size, 2), np.float32), np.empty(size, np.float32)
    theirs, extra = np.empty((size, 2), np.float32), np.empty((0, width), np.float32)
    none = Columns(np.empty(0, np.int64), np.empty(0, np.float32), extra)
    total, at = 0.0, 0
    for seed in seeds:
        n = min(size, len(order) - at)
        links = Links(
            user_ids[:n], item_ids[:n], between[:n], own[:n], theirs[:n], extra
        )
        _draw(users.table, items.table, plan, order[at : at + n], seed, links)
        total += _pull(users.table, items.table, plan.l2, links)
        update(users, items, links, none, rate)
        at += n
    return total


@compiled
def _draw(
    users: Floats, items: Floats, plan: Plan, order: Ints, seed: np.uint64, links: Links
) -> None:
    """Fill in the users, positives and negatives of a batch."""
    all_users, all_items, pool = plan.users, plan.items, plan.pool
    pairs, law, weighted = plan.seen, plan.law, len(plan.law.chance) > 0
    user_ids, item_ids = links.users, links.items
    for b in range(len(order)):
        u = int(all_users[order[b]])
        best, negative = _ZERO, -1
        for m in range(pool):
            number = np.uint64(b * pool + m)
            if weighted:
                item = weighted_item(pairs, law, u, seed, number)
            else:
                item = uniform_item(pairs, u, seed, number)
            score = _ZERO
            if pool > 1:
                score = dot(users, u, items, item)
            if negative < 0 or score > best:
                best, negative = score, item
        user_ids[b] = u
        item_ids[b, 0], item_ids[b, 1] = all_items[order[b]], negative


@compiled
def _pull(users: Floats, items: Floats, l2: np.float32, links: Links) -> float:
    """Fill in coefficients of the mean loss's gradient; return the summed loss."""
    user_ids, item_ids, between, own, theirs, _ = links
    total, share = _ZERO, _ONE / np.float32(len(user_ids))
    for b in range(len(user_ids)):
        u = user_ids[b]
        positive = dot(users, u, items, item_ids[b, 0])
        loss, slope = _loss(dot(users, u, items, item_ids[b, 1]) - positive)
        total += loss
        between[b, 0], between[b, 1] = -slope * share, slope * share
        own[b] = theirs[b, 0] = theirs[b, 1] = l2 * share
    return total  # type: ignore[return-value]


@inlined
def _loss(margin: np.float32) -> tuple[np.float32, np.float32]:
    """Return ln(1 + e^margin) and its slope."""
    small = np.exp(-abs(margin))
    slope = _ONE / (_ONE + small)
    if margin < 0:
        slope *= small
    return max(margin, _ZERO) + np.log1p(small), slope
