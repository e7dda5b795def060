"""Which pairs of the training split were observed: the negatives' only exclusion."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from autosample.core.types import History
from autosample.data.history import history_of
from autosample.data.interactions import Interactions
from autosample.errors import DataError
from autosample.kernels.draws import Seen, bitmap, contains, contains_columns


class Observed:
    """Membership of training pairs, exact, and what proposals need to know of them.

    On a CPU, kernels look into a hashed bitmap of about 32 bits per pair; only items
    that it cannot rule out, some 3 %, are searched for in the user's list. On a GPU all
    are searched for in sorted keys, in one operation that the host need not wait for.
    """

    def __init__(self, train: Interactions, device: torch.device | str = "cpu") -> None:
        self.num_users, self.num_items = train.num_users, train.num_items
        self.device = torch.device(device)
        self._events, self.train = train, train.distinct
        self.degrees_U = torch.from_numpy(self.train.degrees_U.copy()).to(device)
        self.popularity_I = torch.from_numpy(train.popularity_I.copy()).to(device)
        self.starts_U = self.degrees_U.cumsum(0) - self.degrees_U

    @cached_property
    def history(self) -> History:
        """The training pairs, repeats included, as the history that queries read."""
        return history_of(self._events, self.device)

    @cached_property
    def counts_I(self) -> Tensor:
        """Number of training pairs of each item; repeats count."""
        return torch.from_numpy(self._events.counts_I.copy()).to(self.device)

    @property
    def kernels(self) -> bool:
        """Whether draws and membership are compiled."""
        return self.device.type == "cpu"

    @cached_property
    def keys_E(self) -> Tensor:
        """user * I + item of every pair, ascending; made on first use, eight bytes per
        pair."""
        return torch.from_numpy(self.train.keys_E.copy()).to(self.device)

    @cached_property
    def items_E(self) -> Tensor:
        """The items of the pairs in the order of `keys_E`."""
        return self.keys_E % self.num_items

    @cached_property
    def seen(self) -> Seen:
        """The observed pairs for kernels, which draw until an item is unobserved.

        Raises DataError where a user has observed every item.
        """
        self.check()
        train = self.train
        bits = max(10, (32 * max(train.num_pairs, 1) - 1).bit_length())
        return Seen(
            bitmap(train.starts_U1, train.items_E, train.num_items, bits),
            np.uint64(64 - bits),
            train.starts_U1,
            train.sorted_E,
            train.num_items,
        )

    def check(self) -> None:
        """Raise DataError where a user has observed every item."""
        full_U = self.train.degrees_U >= self.num_items
        if full_U.any():
            raise nothing_left(int(full_U.argmax()))

    def contains(self, users_B: Tensor, items_BM: Tensor) -> Tensor:
        """Tell which pairs were observed: (B, M), for items (B, M) or (1, M)."""
        if self.kernels:
            found = contains(self.seen, users_B.numpy(), items_BM.numpy())
            return torch.from_numpy(found)
        return self._searched(users_B[:, None] * self.num_items + items_BM)

    def contains_shared(self, users_B: Tensor, items_C: Tensor) -> Tensor:
        """Tell which of C items shared by all were observed: (B, C)."""
        if self.kernels:
            seen = contains_columns(self.seen, users_B.numpy(), items_C.numpy())
            return torch.from_numpy(seen)
        return self.contains(users_B, items_C[None])

    def _searched(self, keys: Tensor) -> Tensor:
        if not len(self.keys_E):
            return torch.zeros_like(keys, dtype=torch.bool)
        at = torch.searchsorted(self.keys_E, keys).clamp_(max=len(self.keys_E) - 1)
        return self.keys_E[at] == keys

    def items_of(self, user: int) -> Tensor:
        """Return one user's observed items: (n,)."""
        items = self.train.items_of(user).astype(np.int64)
        return torch.from_numpy(items).to(self.device)

    def taken(self, law_I: Tensor) -> Tensor:
        """Return the part of a law over items that each user has observed: (U,)."""
        taken_U = law_I.new_zeros(self.num_users)
        users_E = self.keys_E // self.num_items
        return taken_U.index_add_(0, users_E, law_I[self.items_E])

    def unobserved_weights(self, user: int, weights_I: Tensor) -> Tensor:
        """Return weights with the user's items at zero; DataError if none is left."""
        left_I = weights_I.clone()
        left_I[self.items_of(user)] = 0
        if not left_I.any():
            raise nothing_left(user)
        return left_I


def nothing_left(user: int) -> DataError:
    """Return the error that no negative can be drawn for a user."""
    return DataError(f"user in row {user} has no item left to be a negative")
