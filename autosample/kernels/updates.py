"""Steps of Adagrad, and plain steps, of the rows that a block of pairs uses.

Gradients are computed in closed form.

Duchi, Hazan and Singer, 2011, jmlr.org/papers/v12/duchi11a.html.

Each row takes one step per block. A row used once in the block, as most are, is updated
in place; gradients of rows used several times are summed first. Every gradient must be
computed from the rows' values before the block, which is why rows used several times
are stepped last (`_settle`), and why a row used once may be stepped as soon as its pair
is done: no other pair reads it. Tuples are unpacked once per function, because numba
counts a reference at every access.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.jit import compiled, inlined
from autosample.kernels.rows import Floats, add, descend, descend_linked, put

Ints = NDArray[np.int64]
Uses = NDArray[np.int32]

_ONE = np.float32(1)
_AHEAD, _LINE = 2, 16
"""Rows are fetched into the cache this many pairs ahead, one number per cache line."""


class Rows(NamedTuple):
    """A table of parameters in training."""

    table: Floats
    """The parameters: (rows, D)."""
    squares: Floats
    """Adagrad's sums of squared gradients: (rows, D). For plain descent, which needs
    none, this is the table again."""
    uses: Uses
    """Scratch space that is zero between calls: (rows,). It counts how often a block
    uses a row, and then holds -1 - s for a row whose gradient is summed in slot s."""


class Rate(NamedTuple):
    """Step size of Adagrad: gradient * learning_rate / sqrt(squares + floor)."""

    learning_rate: np.float32
    floor: np.float32
    """Below zero: a plain step, gradient * learning_rate."""


PLAIN = np.float32(-1)
"""The floor that asks for a plain step."""


class Links(NamedTuple):
    """Gradients of a block's loss, as coefficients: B users with X items each.

    The gradient of a user's row is sum_x between[x] item_x + own user + extra. That of
    item x is between[x] user + theirs[x] item_x.
    """

    users: Ints
    """Row of each user: (B,)."""
    items: Ints
    """Rows of each user's items: (B, X)."""
    between: Floats
    """Coefficient between a user's row and an item's: (B, X)."""
    own: Floats
    """Coefficient of a user's row in its own gradient: (B,)."""
    theirs: Floats
    """Coefficient of an item's row in its own gradient: (B, X)."""
    extra: Floats
    """Rest of the users' gradients: (B, D), or (0, D) if there is none."""


class Columns(NamedTuple):
    """Gradients of item rows that all pairs of a block share."""

    items: Ints
    """Rows of the items: (C,)."""
    own: Floats
    """Coefficients: the gradient of a row is own * item + extra: (C,)."""
    extra: Floats
    """Rest of the gradients: (C, D)."""


@compiled
def count_uses(uses: Uses, ids: Ints) -> int:
    """Count the uses of rows; return how many rows have reached their second use."""
    several = 0
    for at in ids.flat:
        uses[at] += 1
        several += uses[at] == 2
    return several


@inlined
def _slot(
    uses: Uses, at: int, sums: Floats, owners: Ints, taken: int, side: int
) -> int:
    """Return the slot in which a row's gradient is summed, a new zeroed one at first.

    `owners` remembers whose slot it is: a user (side 0), or -1 - item.
    """
    s = -1 - int(uses[at])
    if s < 0:
        s = taken
        uses[at] = -1 - s
        owners[s] = at if side == 0 else -1 - at
        sums[s] = 0
    return s


@compiled
def _settle(users: Rows, items: Rows, sums: Floats, owners: Ints, rate: Rate) -> None:
    """Step the rows whose gradients were summed, and reset their scratch space.

    `owners` holds users, or -1 - item.
    """
    user_table, user_squares, user_uses = users
    item_table, item_squares, item_uses = items
    pace, floor = rate
    for s in range(len(owners)):
        at = owners[s]
        if at >= 0:
            descend(user_table, user_squares, at, sums, s, pace, floor)
            user_uses[at] = 0
        else:
            at = -1 - at
            descend(item_table, item_squares, at, sums, s, pace, floor)
            item_uses[at] = 0


@compiled
def update(
    users: Rows, items: Rows, links: Links, columns: Columns, rate: Rate
) -> None:
    """Take one step of each row that a block uses, along its summed gradient."""
    several = count_uses(users.uses, links.users) + count_uses(items.uses, links.items)
    several += count_uses(items.uses, columns.items)
    width = users.table.shape[1]
    sums, owners = np.empty((several, width), np.float32), np.empty(several, np.int64)
    taken = _sum_columns(items, columns, sums, owners)
    taken = step_pairs(users, items, links, sums, owners, taken, rate)
    _step_columns(items, columns, rate)
    _settle(users, items, sums, owners[:taken], rate)


@compiled
def _sum_columns(items: Rows, columns: Columns, sums: Floats, owners: Ints) -> int:
    """Sum gradients of shared items that have other uses; return the slots taken."""
    table, _, uses = items
    ids, own, extra = columns
    taken = 0
    for c in range(len(ids)):
        i = ids[c]
        if uses[i] != 1:
            s = _slot(uses, i, sums, owners, taken, 1)
            taken = max(taken, s + 1)
            add(sums, s, extra, c, _ONE)
            add(sums, s, table, i, own[c])
    return taken


@compiled
def _step_columns(items: Rows, columns: Columns, rate: Rate) -> None:
    """Step shared items that nothing else in the block uses.

    Their gradients are completed in `columns.extra`, which is overwritten.
    """
    table, squares, uses = items
    ids, own, extra = columns
    for c in range(len(ids)):
        i = ids[c]
        if uses[i] == 1:
            uses[i] = 0
            add(extra, c, table, i, own[c])
            descend(table, squares, i, extra, c, rate.learning_rate, rate.floor)


@compiled
def step_pairs(
    users: Rows,
    items: Rows,
    links: Links,
    sums: Floats,
    owners: Ints,
    taken: int,
    rate: Rate,
) -> int:
    """Step rows used once and sum gradients of the others; return the slots taken."""
    user_table, user_squares, user_uses = users
    item_table, item_squares, item_uses = items
    user_ids, item_ids, between, own, theirs, extra = links
    pace, floor = rate
    mine = np.empty((1, user_table.shape[1]), np.float32)
    fetched = np.zeros(1, np.float32)
    for b in range(len(user_ids)):
        # Read rows of a later pair: the sum is never used, only the cache.
        if b + _AHEAD < len(user_ids):
            u = user_ids[b + _AHEAD]
            for d in range(0, user_table.shape[1], _LINE):
                fetched[0] += user_squares[u, d] + user_table[u, d]
            for x in range(item_ids.shape[1]):
                i = item_ids[b + _AHEAD, x]
                for d in range(0, user_table.shape[1], _LINE):
                    fetched[0] += item_squares[i, d] + item_table[i, d]
        u = user_ids[b]
        put(mine, 0, user_table, u, own[b])
        if len(extra) > 0:
            add(mine, 0, extra, b, _ONE)
        for x in range(item_ids.shape[1]):
            i, k, a = item_ids[b, x], between[b, x], theirs[b, x]
            # Before the item is stepped: the user's gradient needs its old row.
            add(mine, 0, item_table, i, k)
            if item_uses[i] == 1:
                item_uses[i] = 0
                descend_linked(
                    item_table, item_squares, i, user_table, u, a, k, pace, floor
                )
            else:
                s = _slot(item_uses, i, sums, owners, taken, 1)
                taken = max(taken, s + 1)
                add(sums, s, user_table, u, k)
                add(sums, s, item_table, i, a)
        if user_uses[u] == 1:
            user_uses[u] = 0
            descend(user_table, user_squares, u, mine, 0, pace, floor)
        else:
            s = _slot(user_uses, u, sums, owners, taken, 0)
            taken = max(taken, s + 1)
            add(sums, s, mine, 0, _ONE)
    return taken


@compiled
def update_rows(rows: Rows, ids: Ints, gradients: Floats, rate: Rate) -> None:
    """Step rows along gradients (X, D), which are summed where an id (X,) repeats."""
    table, squares, uses = rows
    several = count_uses(uses, ids)
    sums = np.empty((several, table.shape[1]), np.float32)
    owners, taken = np.empty(several, np.int64), 0
    for x in range(len(ids)):
        at = ids[x]
        if uses[at] == 1:
            uses[at] = 0
            descend(table, squares, at, gradients, x, rate.learning_rate, rate.floor)
        else:
            s = _slot(uses, at, sums, owners, taken, 0)
            taken = max(taken, s + 1)
            add(sums, s, gradients, x, _ONE)
    _settle(rows, rows, sums, owners[:taken], rate)


@compiled
def add_gradients(
    users: Floats, items: Floats, links: Links, columns: Columns, out: Floats
) -> None:
    """Add a block's gradients to `out`, users' rows before items' rows: (U + I, D).

    For rows that are no parameters themselves, such as propagated embeddings.
    """
    user_ids, item_ids, between, own, theirs, extra = links
    shared, shared_own, shared_extra = columns
    count = len(users)
    for c in range(len(shared)):
        i = shared[c]
        add(out, count + i, shared_extra, c, _ONE)
        add(out, count + i, items, i, shared_own[c])
    for b in range(len(user_ids)):
        u = user_ids[b]
        add(out, u, users, u, own[b])
        if len(extra) > 0:
            add(out, u, extra, b, _ONE)
        for x in range(item_ids.shape[1]):
            i = item_ids[b, x]
            add(out, u, items, i, between[b, x])
            add(out, count + i, users, u, between[b, x])
            add(out, count + i, items, i, theirs[b, x])


class Sums(NamedTuple):
    """Rows that a block uses, each once, and their summed gradients."""

    ids: Ints
    """(X,)"""
    gradients: Floats
    """(X, D)"""


@inlined
def _own_slot(uses: Uses, at: int, ids: Ints, taken: int) -> int:
    """Return the slot in which a row's gradient is summed, a new one at first."""
    if uses[at] == 0:
        uses[at] = -1 - taken
        ids[taken] = at
    return -1 - int(uses[at])


@compiled
def sum_links(
    users: Floats,
    user_uses: Uses,
    items: Floats,
    item_uses: Uses,
    links: Links,
    columns: Columns,
) -> tuple[Sums, Sums]:
    """Return the summed gradients of the users' rows, and those of the items' rows."""
    user_ids, item_ids, between, own, theirs, extra = links
    shared, shared_own, shared_extra = columns
    width = users.shape[1]
    most = min(len(users), user_ids.size)
    of_users = np.empty(most, np.int64), np.zeros((most, width), np.float32)
    most = min(len(items), item_ids.size + shared.size)
    of_items = np.empty(most, np.int64), np.zeros((most, width), np.float32)
    (mine, to_users), (others, to_items) = of_users, of_items
    num_users, num_items = 0, 0
    for c in range(len(shared)):
        i = shared[c]
        s = _own_slot(item_uses, i, others, num_items)
        num_items = max(num_items, s + 1)
        add(to_items, s, shared_extra, c, _ONE)
        add(to_items, s, items, i, shared_own[c])
    for b in range(len(user_ids)):
        u = user_ids[b]
        at = _own_slot(user_uses, u, mine, num_users)
        num_users = max(num_users, at + 1)
        add(to_users, at, users, u, own[b])
        if len(extra) > 0:
            add(to_users, at, extra, b, _ONE)
        for x in range(item_ids.shape[1]):
            i, k = item_ids[b, x], between[b, x]
            s = _own_slot(item_uses, i, others, num_items)
            num_items = max(num_items, s + 1)
            add(to_users, at, items, i, k)
            add(to_items, s, users, u, k)
            add(to_items, s, items, i, theirs[b, x])
    for at in mine[:num_users]:
        user_uses[at] = 0
    for at in others[:num_items]:
        item_uses[at] = 0
    return (
        Sums(mine[:num_users], to_users[:num_users]),
        Sums(others[:num_items], to_items[:num_items]),
    )


@compiled
def sum_rows(uses: Uses, ids: Ints, gradients: Floats) -> Sums:
    """Return distinct rows, and their gradients (X, D) summed where an id repeats."""
    width = gradients.shape[1]
    own, sums = np.empty(len(ids), np.int64), np.zeros((len(ids), width), np.float32)
    taken = 0
    for x in range(len(ids)):
        s = _own_slot(uses, ids[x], own, taken)
        taken = max(taken, s + 1)
        add(sums, s, gradients, x, _ONE)
    for at in own[:taken]:
        uses[at] = 0
    return Sums(own[:taken], sums[:taken])


@compiled
def step_sums(rows: Rows, sums: Sums, rate: Rate) -> None:
    """Step distinct rows along their gradients."""
    table, squares, _ = rows
    ids, gradients = sums
    for x in range(len(ids)):
        at = ids[x]
        descend(table, squares, at, gradients, x, rate.learning_rate, rate.floor)
