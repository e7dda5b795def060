"""Draws of items that a user has not observed, by rejecting observed ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autosample.kernels.chance import again, below, unit, word
from autosample.kernels.jit import compiled, inlined

Ints = NDArray[np.int64]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_ONE = np.uint64(1)
MOST_TRIES, FEWEST_TRIES = 1024, 64
"""Rejected draws after which the user's exact distribution is computed: a quarter of
the number of items, between these."""


class Seen(NamedTuple):
    """The observed pairs, as a hashed bitmap and as a sorted list of items per user.

    Items of a user must ascend: membership is a binary search in them.
    """

    filter: NDArray[np.uint8]
    """The bitmap, from `bitmap`; a bit that is not set rules a pair out."""
    shift: np.uint64
    """64 minus the number of bits of an index into the bitmap."""
    starts: Ints
    """The items of user u are items[starts[u]:starts[u + 1]]: (U + 1,)."""
    items: NDArray[np.int32]
    """Items of all users, ascending for each user: (E,)."""
    num_items: int


class Alias(NamedTuple):
    """A distribution over items that is drawn from with two random words per draw.

    The alias method: Walker, 1977, doi:10.1145/355744.355749.
    """

    chance: NDArray[np.float64]
    """Probability that a draw of column i returns item i: (I,)."""
    other: NDArray[np.int32]
    """Item that column i returns otherwise: (I,)."""
    law: NDArray[np.float64]
    """Probability of each item: (I,)."""


@compiled
def bitmap(
    starts: Ints, items: NDArray[np.int32], num_items: int, bits: int
) -> NDArray[np.uint8]:
    """Return a bitmap of 2^bits bits in which the bit of each pair's hash is set."""
    filled = np.zeros(1 << (bits - 3), np.uint8)
    for user in range(len(starts) - 1):
        for at in range(starts[user], starts[user + 1]):
            key = np.uint64(user * num_items + items[at])
            place = np.int64((key * _MULTIPLIER) >> np.uint64(64 - bits))
            filled[place >> 3] |= np.uint8(1 << (place & 7))
    return filled


@inlined
def seen(pairs: Seen, user: int, item: int) -> bool:
    """Tell whether a pair was observed, exactly.

    Most unobserved pairs are ruled out by one bit; the others need a binary search.
    """
    key = np.uint64(user * pairs.num_items + item)
    place = np.int64((key * _MULTIPLIER) >> pairs.shift)
    if not (pairs.filter[place >> 3] >> (place & 7)) & 1:
        return False
    first, end = pairs.starts[user], pairs.starts[user + 1]
    stop = end
    while first < stop:
        middle = (first + stop) >> 1
        if pairs.items[middle] < item:
            first = middle + 1
        else:
            stop = middle
    return bool(first < end and pairs.items[first] == item)


@inlined
def uniform_item(pairs: Seen, user: int, seed: np.uint64, number: np.uint64) -> int:
    """Draw an unobserved item with equal probability.

    A user who has observed more than half of the items draws a rank among the others,
    which costs one binary search; for everybody else a draw is rejected less than once
    on average. No user has observed every item, which `Observed` checks.
    """
    first = pairs.starts[user]
    observed = pairs.starts[user + 1] - first
    if 2 * observed > pairs.num_items:
        rank = below(word(seed, number), pairs.num_items - observed)
        return _item_of_rank(pairs.items, first, observed, rank)
    tries = 0
    while True:
        item = below(word(seed, again(number, tries)), pairs.num_items)
        if not seen(pairs, user, item):
            return item
        tries += 1


@inlined
def _item_of_rank(
    items: NDArray[np.int32], first: int, observed: int, rank: int
) -> int:
    """Return the unobserved item before which `rank` others lie.

    Before the k-th observed item lie as many unobserved ones as it has places less k.
    """
    low, high = 0, observed
    while low < high:
        middle = (low + high) >> 1
        if items[first + middle] - middle > rank:
            high = middle
        else:
            low = middle + 1
    return rank + low


@inlined
def alias_item(law: Alias, seed: np.uint64, number: np.uint64) -> int:
    """Draw an item from a distribution."""
    bits = word(seed, number)
    column = below(bits, len(law.chance))
    if unit(word(bits, number)) < law.chance[column]:
        return column
    return np.int64(law.other[column])  # type: ignore[return-value]


@inlined
def weighted_item(
    pairs: Seen, law: Alias, user: int, seed: np.uint64, number: np.uint64
) -> int:
    """Draw an unobserved item from a distribution.

    If the user has observed all items of positive probability, draw uniformly.
    """
    item = _tried_item(pairs, law, user, seed, number)
    if item >= 0:
        return item
    return _left_item(pairs, law, user, seed, again(number, MOST_TRIES))


@inlined
def _tried_item(
    pairs: Seen, law: Alias, user: int, seed: np.uint64, number: np.uint64
) -> int:
    """Draw an item, -1 if so many are observed that the exact distribution costs less.

    It takes a loop over all items, so a share of their number of tries is about as
    dear.
    """
    for tries in range(min(MOST_TRIES, max(FEWEST_TRIES, pairs.num_items >> 2))):
        item = alias_item(law, seed, again(number, tries))
        if not seen(pairs, user, item):
            return item
    return -1


@compiled
def _left_item(
    pairs: Seen, law: Alias, user: int, seed: np.uint64, number: np.uint64
) -> int:
    """Draw from the exact distribution over the user's unobserved items.

    Two loops over all items: the first sums what is left, the second inverts it.
    """
    left = 0.0
    for item in range(pairs.num_items):
        if law.law[item] > 0 and not seen(pairs, user, item):
            left += law.law[item]
    if left <= 0:
        return uniform_item(pairs, user, seed, number)
    aim, last = unit(word(seed, number)) * left, -1
    for item in range(pairs.num_items):
        if law.law[item] > 0 and not seen(pairs, user, item):
            aim -= law.law[item]
            last = item
            if aim < 0:
                break
    return last


@compiled
def uniform(pairs: Seen, users: Ints, size: int, seed: np.uint64) -> Ints:
    """Draw `size` unobserved items for each user with equal probability: (B, M)."""
    items = np.empty((len(users), size), np.int64)
    for row in range(len(users)):
        for column in range(size):
            number = np.uint64(row * size + column)
            items[row, column] = uniform_item(pairs, users[row], seed, number)
    return items


@compiled
def weighted(pairs: Seen, law: Alias, users: Ints, size: int, seed: np.uint64) -> Ints:
    """Draw `size` unobserved items for each user from a distribution: (B, M).

    Where a user's exact distribution is needed once, the rest of the row is drawn from
    it too: it is computed once per row.
    """
    items = np.empty((len(users), size), np.int64)
    for row in range(len(users)):
        left = np.empty(0, np.float64)
        for column in range(size):
            number = np.uint64(row * size + column)
            item = -1
            if len(left) == 0:
                item = _tried_item(pairs, law, users[row], seed, number)
            if item < 0:
                if len(left) == 0:
                    left = _left_law(pairs, law, users[row])
                number = again(number, MOST_TRIES)
                item = _inverted(pairs, left, users[row], seed, number)
            items[row, column] = item
    return items


@compiled
def _left_law(pairs: Seen, law: Alias, user: int) -> NDArray[np.float64]:
    """Return the running sum of a distribution over the user's unobserved items."""
    sums = np.empty(pairs.num_items, np.float64)
    total = 0.0
    for item in range(pairs.num_items):
        if law.law[item] > 0 and not seen(pairs, user, item):
            total += law.law[item]
        sums[item] = total
    return sums


@compiled
def _inverted(
    pairs: Seen,
    sums: NDArray[np.float64],
    user: int,
    seed: np.uint64,
    number: np.uint64,
) -> int:
    """Draw an item by inverting a running sum; uniformly where nothing is in it."""
    if sums[-1] <= 0:
        return uniform_item(pairs, user, seed, number)
    aim = unit(word(seed, number)) * sums[-1]
    low, high = 0, len(sums) - 1
    while low < high:
        middle = (low + high) >> 1
        if sums[middle] > aim:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def contains(pairs: Seen, users: Ints, items: Ints) -> NDArray[np.bool_]:
    """Tell which pairs were observed: (B, M), for items (B, M) or (1, M)."""
    observed = np.empty((len(users), items.shape[1]), np.bool_)
    shared = len(items) == 1
    for row in range(len(users)):
        at = 0 if shared else row
        for column in range(items.shape[1]):
            observed[row, column] = seen(pairs, users[row], items[at, column])
    return observed


@compiled
def contains_columns(pairs: Seen, users: Ints, columns: Ints) -> NDArray[np.bool_]:
    """Tell which of C items that all users share each user has observed: (B, C).

    Loops over the users' items instead of asking for each of B times C pairs. An item
    may stand in several columns, which form a linked list.
    """
    first = np.full(pairs.num_items, -1, np.int64)
    following = np.empty(len(columns), np.int64)  # next column of the same item
    for c in range(len(columns)):
        following[c] = first[columns[c]]
        first[columns[c]] = c
    observed = np.zeros((len(users), len(columns)), np.bool_)
    starts, items = pairs.starts, pairs.items
    for row in range(len(users)):
        for at in range(starts[users[row]], starts[users[row] + 1]):
            c = first[items[at]]
            while c >= 0:
                observed[row, c] = True
                c = following[c]
    return observed


def alias(law_I: NDArray[np.float64]) -> Alias:
    """Prepare a distribution, which sums to 1, for draws by `alias_item`."""
    law_I = np.ascontiguousarray(law_I, np.float64)
    chance, other = _alias(law_I)
    return Alias(chance, other, law_I)


@compiled
def _alias(law: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the alias table of a distribution (Vose, 1991, doi:10.1109/32.92917)."""
    count = len(law)
    height = law * count / law.sum()
    other = np.arange(count).astype(np.int32)
    # Two stacks in one array: columns that are too low grow from the left, full ones
    # from the right.
    stack = np.empty(count, np.int64)
    small, large = 0, count
    for item in range(count):
        if height[item] < 1:
            stack[small] = item
            small += 1
        else:
            large -= 1
            stack[large] = item
    while small > 0 and large < count:
        small -= 1
        low, high = stack[small], stack[large]
        other[low] = high
        height[high] -= 1 - height[low]
        if height[high] < 1:
            large += 1
            stack[small] = high
            small += 1
    for at in range(small):  # left over by rounding: they are full
        height[stack[at]] = 1.0
    return np.minimum(height, 1.0), other
