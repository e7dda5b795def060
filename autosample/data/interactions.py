"""Implicit feedback: which user touched which item, and in what order.

Uses NumPy alone, so that a file can be parsed where torch is not loaded.
Shape letters are those of `autosample.core.types`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autosample.errors import DataError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Interactions:
    """E pairs of U users and I items, both numbered from 0, sorted by user.

    Within a user the pairs are in time order where `ordered`, else sorted by item.
    Build it with `from_pairs`, which checks and sorts; the arrays are read-only.
    """

    starts_U1: Ints
    """User u's pairs are starts[u] to starts[u + 1]."""

    items_E: NDArray[np.int32]

    num_items: int

    ordered: bool = False
    """Whether each user's pairs are in time order."""

    times_E: Floats | None = None
    """Seconds, where the data has them; needed for a split by global time."""

    repeats: bool = False
    """Whether a pair may occur several times; False: all pairs are distinct."""

    @classmethod
    def from_pairs(  # noqa: PLR0913
        cls,
        users_E: NDArray[Any],
        items_E: NDArray[Any],
        *,
        num_users: int,
        num_items: int,
        times_E: NDArray[Any] | None = None,
        ordered: bool = False,
        repeats: bool = False,
    ) -> Interactions:
        """Sort pairs by user. Of equal pairs the first is kept, or all with `repeats`.

        With times the order within a user is that of time, with `ordered` alone that
        of arrival; ties keep their order of arrival. Raises DataError on ids outside
        0..num - 1.
        """
        users_E = _checked(users_E, num_users, "user")
        items_E = _checked(items_E, num_items, "item")
        if len(users_E) != len(items_E):
            raise DataError(f"{len(users_E)} users but {len(items_E)} items in pairs")
        times = None if times_E is None else np.asarray(times_E, np.float64)
        if times is not None and not np.isfinite(times).all():
            raise DataError("a timestamp is not a finite number")
        if times is None and not ordered:
            keys_E = users_E * num_items + items_E
            return cls._by_item(keys_E, num_users, num_items, repeats)
        order = _order(users_E, times)
        items = items_E[order].astype(np.int32)
        times = None if times is None else times[order]
        starts = np.zeros(num_users + 1, np.int64)
        np.cumsum(np.bincount(users_E, minlength=num_users), out=starts[1:])
        pairs = cls(starts, items, num_items, True, times, repeats=True)
        return (pairs if repeats else pairs.distinct)._sealed()

    @classmethod
    def _by_item(
        cls, keys_E: Ints, num_users: int, num_items: int, repeats: bool
    ) -> Interactions:
        """Sort by user and item: one sort of one key, several times cheaper than two of
        two columns."""
        keys_E.sort()
        if len(keys_E) and not repeats:
            keys_E = keys_E[np.concatenate([[True], keys_E[1:] != keys_E[:-1]])]
        starts = np.searchsorted(keys_E, np.arange(num_users + 1) * num_items)
        items = (keys_E % num_items).astype(np.int32)
        made = cls(starts.astype(np.int64), items, num_items, repeats=repeats)
        return made._sealed()

    def _sealed(self) -> Interactions:
        for array in (self.starts_U1, self.items_E, self.times_E):
            if array is not None:
                array.flags.writeable = False
        return self

    @property
    def num_users(self) -> int:
        return len(self.starts_U1) - 1

    @property
    def num_pairs(self) -> int:
        return len(self.items_E)

    @cached_property
    def degrees_U(self) -> Ints:
        """Number of pairs of each user; repeats count."""
        return np.diff(self.starts_U1)

    @cached_property
    def popularity_I(self) -> Ints:
        """Number of users who have touched each item; repeats do not count."""
        return np.bincount(self.distinct.items_E, minlength=self.num_items)

    @cached_property
    def counts_I(self) -> Ints:
        """Number of pairs of each item; repeats count."""
        return np.bincount(self.items_E, minlength=self.num_items)

    @cached_property
    def users_E(self) -> Ints:
        """The user of each pair."""
        return np.repeat(np.arange(self.num_users), self.degrees_U)

    @cached_property
    def keys_E(self) -> Ints:
        """user * I + item of every pair, ascending, repeats included."""
        return np.sort(self.users_E * self.num_items + self.items_E)

    @property
    def sorted_E(self) -> NDArray[np.int32]:
        """The items of each user, ascending; not a copy if they are stored that way."""
        if not self.ordered:
            return self.items_E
        return (self.keys_E % self.num_items).astype(np.int32)

    def contains(self, users_B: Ints, items_BN: Ints) -> Bools:
        """Tell which pairs were observed: (B, N) for (B,) users and (B, N) items."""
        keys = users_B[:, None] * self.num_items + items_BN
        if self.num_pairs == 0:
            return np.zeros(keys.shape, np.bool_)
        at = np.searchsorted(self.keys_E, keys).clip(max=self.num_pairs - 1)
        observed: Bools = self.keys_E[at] == keys
        return observed

    def items_of(self, user: int) -> NDArray[np.int32]:
        """Return one user's items, in order: (n,)."""
        return self.items_E[self.starts_U1[user] : self.starts_U1[user + 1]]

    def take(self, keep_E: Bools) -> Interactions:
        """Return the pairs where `keep_E` is true, over the same users and items."""
        starts = np.zeros_like(self.starts_U1)
        np.cumsum(
            np.bincount(self.users_E[keep_E], minlength=self.num_users), out=starts[1:]
        )
        times = None if self.times_E is None else self.times_E[keep_E]
        return replace(
            self, starts_U1=starts, items_E=self.items_E[keep_E], times_E=times
        )

    @cached_property
    def distinct(self) -> Interactions:
        """The first of each user's equal pairs, in the same order."""
        if not self.repeats:
            return self
        keys_E = self.users_E * self.num_items + self.items_E
        first_E = np.zeros(self.num_pairs, np.bool_)
        first_E[np.unique(keys_E, return_index=True)[1]] = True
        return replace(self.take(first_E), repeats=False)

    @cached_property
    def by_item(self) -> Interactions:
        """The same pairs, sorted by item within a user, without order and times."""
        keys_E = self.users_E * self.num_items + self.items_E
        return self._by_item(keys_E, self.num_users, self.num_items, self.repeats)

    def merged(self, other: Interactions) -> Interactions:
        """Return the pairs of both, over the same users and items.

        If both are ordered the result is, too: by time where both have times, with
        equal times and pairs without times in the order "self, then other". Repeats
        are kept if either has them.
        """
        ordered = self.ordered and other.ordered
        times_E = None
        if ordered and self.times_E is not None and other.times_E is not None:
            times_E = np.concatenate([self.times_E, other.times_E])
        return Interactions.from_pairs(
            np.concatenate([self.users_E, other.users_E]),
            np.concatenate([self.items_E, other.items_E]).astype(np.int64),
            num_users=self.num_users,
            num_items=self.num_items,
            times_E=times_E,
            ordered=ordered,
            repeats=self.repeats or other.repeats,
        )

    @property
    def none(self) -> Interactions:
        """No pairs, over the same users and items, ordered and timed as these are."""
        return self.take(np.zeros(self.num_pairs, np.bool_))

    @cached_property
    def fingerprint(self) -> str:
        """A sha256 in hex; equal for equal pairs in equal order."""
        digest = sha256(f"{self.num_users},{self.num_items},{self.ordered}".encode())
        for array in (self.starts_U1, self.items_E, self.times_E):
            digest.update(b"-" if array is None else np.ascontiguousarray(array).data)
        return digest.hexdigest()


def _checked(ids_E: NDArray[Any], count: int, noun: str) -> Ints:
    ids_E = np.asarray(ids_E)
    if ids_E.ndim != 1 or not (
        ids_E.size == 0 or np.issubdtype(ids_E.dtype, np.integer)
    ):
        raise DataError(
            f"{noun} ids must be one row of integers, not {ids_E.dtype} of shape"
            f" {ids_E.shape}"
        )
    if ids_E.size and not 0 <= int(ids_E.min()) <= int(ids_E.max()) < count:
        raise DataError(
            f"{noun} ids must lie in 0..{count - 1}, found {ids_E.min()}..{ids_E.max()}"
        )
    return ids_E.astype(np.int64)


def _order(users_E: Ints, times: Floats | None) -> Ints:
    """Return the stable order by user, then by time or arrival."""
    if times is None:
        return np.argsort(users_E, kind="stable")
    return np.lexsort((times, users_E))
