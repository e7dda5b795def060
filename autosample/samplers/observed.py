"""Which pairs of the training split were observed: the negatives' only exclusion."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from autosample.data.interactions import Interactions
from autosample.errors import DataError
from autosample.kernels.draws import Seen, bitmap, contains, contains_columns

MULTIPLIER = -7046029254386353131
"""2^64 / golden ratio as a signed word: Fibonacci hashing (Knuth, vol. 3, 6.4)."""


class Observed:
    """Membership of training pairs, exact, and what proposals need to know of them.

    A hashed bitmap of about 32 bits a pair answers most questions with one look;
    only what it cannot rule out, some 3 %, is searched for in the sorted keys.
    """

    def __init__(self, train: Interactions, device: torch.device | str = "cpu") -> None:
        self.num_users, self.num_items = train.num_users, train.num_items
        self.device = torch.device(device)
        self.train = train
        self.degrees_U = torch.from_numpy(train.degrees_U.copy()).to(device)
        self.popularity_I = torch.from_numpy(train.popularity_I.copy()).to(device)
        self.starts_U = self.degrees_U.cumsum(0) - self.degrees_U
        self._bits = max(10, (32 * max(train.num_pairs, 1) - 1).bit_length())
        filled = bitmap(train.starts_U1, train.items_E, train.num_items, self._bits)
        self._filter = torch.from_numpy(filled).to(device)

    @cached_property
    def keys_E(self) -> Tensor:
        """user * I + item of every pair, ascending; eight bytes a pair, for those who
        ask."""
        return torch.from_numpy(self.train.keys_E.copy()).to(self.device)

    @cached_property
    def items_E(self) -> Tensor:
        """The items of the same."""
        return self.keys_E % self.num_items

    @cached_property
    def seen(self) -> Seen:
        """The same, for kernels, which draw until an item is unobserved.

        Raises DataError where a user has observed every item.
        """
        full_U = self.train.degrees_U >= self.num_items
        if full_U.any():
            raise nothing_left(int(full_U.argmax()))
        return Seen(
            self._filter.cpu().numpy(),
            np.uint64(64 - self._bits),
            self.train.starts_U1,
            self.train.sorted_E,
            self.num_items,
        )

    def _hash(self, keys: Tensor) -> Tensor:
        return (keys * MULTIPLIER >> (64 - self._bits)) & ((1 << self._bits) - 1)

    def contains(self, users_B: Tensor, items_BM: Tensor) -> Tensor:
        """Tell which pairs were observed: (B, M), for items (B, M) or (1, M)."""
        if items_BM.device.type == "cpu":
            found = contains(self.seen, users_B.numpy(), items_BM.numpy())
            return torch.from_numpy(found)
        keys_BM = users_B[:, None] * self.num_items + items_BM
        spots_BM = self._hash(keys_BM)
        bytes_BM = self._filter.take(spots_BM >> 3)
        seen_BM = (bytes_BM >> (spots_BM & 7).to(torch.uint8) & 1).bool()
        maybe = seen_BM.view(-1).nonzero()[:, 0]
        seen_BM.view(-1)[maybe] = self._searched(keys_BM.take(maybe))
        return seen_BM

    def contains_shared(self, users_B: Tensor, items_C: Tensor) -> Tensor:
        """Tell which of C items shared by all were observed: (B, C).

        Goes through what the users have, not through B times C questions.
        """
        if items_C.device.type == "cpu":
            seen = contains_columns(self.seen, users_B.numpy(), items_C.numpy())
            return torch.from_numpy(seen)
        columns_C = torch.arange(len(items_C), device=self.device)
        column_I = torch.full((self.num_items,), -1, device=self.device)
        column_I[items_C] = columns_C  # of an item drawn twice, one of its columns
        counts_B = self.degrees_U[users_B]
        rows_Y = torch.arange(len(users_B), device=self.device)
        rows_Y = rows_Y.repeat_interleave(counts_B)
        firsts_B = self.starts_U[users_B] - counts_B.cumsum(0) + counts_B
        places_Y = firsts_B[rows_Y] + torch.arange(len(rows_Y), device=self.device)
        columns_Y = column_I[self.items_E[places_Y]]
        there_Y = columns_Y >= 0
        shape = (len(users_B), len(items_C))
        seen_BC = torch.zeros(shape, dtype=torch.bool, device=self.device)
        seen_BC[rows_Y[there_Y], columns_Y[there_Y]] = True
        own_C = column_I[items_C]
        again = (own_C != columns_C).nonzero()[:, 0]
        seen_BC[:, again] = seen_BC[:, own_C[again]]
        return seen_BC

    def _searched(self, keys_X: Tensor) -> Tensor:
        if not len(self.keys_E):
            return torch.zeros_like(keys_X, dtype=torch.bool)
        at_X = torch.searchsorted(self.keys_E, keys_X).clamp_(max=len(self.keys_E) - 1)
        return self.keys_E[at_X] == keys_X

    def items_of(self, user: int) -> Tensor:
        """Return one user's observed items, ascending: (n,)."""
        ends = torch.tensor([user, user + 1], device=self.device) * self.num_items
        first, last = torch.searchsorted(self.keys_E, ends).tolist()
        return self.keys_E[first:last] - user * self.num_items

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
