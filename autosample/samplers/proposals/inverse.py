"""Draws from a law given that the item is unobserved, by inverting it.

Where a GPU draws, redrawing what was observed would make the host wait for what is left
over. Here a number picks a place among the weights of the items that a user has not
observed: two searches, no rejection, for every user alike.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from autosample.samplers.observed import Observed


class Inverse:
    """Weights as whole numbers, so that no place falls on an observed item by
    rounding; 24 bytes a training pair."""

    def __init__(self, observed: Observed, weights_I: Tensor) -> None:
        """Raises DataError where a user has observed every item."""
        observed.check()
        self.observed = observed
        # The largest total for which users' keys, side by side, stay below 2^62.
        total = 2 ** min(62 - (observed.num_users + 1).bit_length(), 48)
        share_I = weights_I.double() / weights_I.sum()
        whole_I = (share_I * (total - 1)).long()
        self._ends_I = whole_I.cumsum(0)
        self._total = total
        users_E = observed.keys_E // observed.num_items
        own_E = whole_I[observed.items_E]
        self._before_E1 = torch.cat([own_E.new_zeros(1), own_E.cumsum(0)])
        starts_U = self._before_E1[observed.starts_U]
        ends_U = self._before_E1[observed.starts_U + observed.degrees_U]
        self._left_U = self._ends_I[-1] - (ends_U - starts_U)
        before_E = self._before_E1[:-1] - starts_U[users_E]
        first_E = (self._ends_I - whole_I)[observed.items_E]
        self._keys_E = users_E * total + first_E - before_E
        places_E = torch.arange(len(users_E), device=observed.device)
        self._shifted_E = observed.keys_E - places_E + observed.starts_U[users_E]

    def draw(self, users_B: Tensor, size: int, rng: Generator) -> Tensor:
        """Draw items: (B, M). Where every likely item is the user's own, others come
        alike."""
        shape = (len(users_B), size)
        chance_BM = torch.rand(
            shape, dtype=torch.double, generator=rng, device=users_B.device
        )
        left_B1 = self._left_U[users_B][:, None]
        place_BM = torch.minimum((chance_BM * left_B1).long(), left_B1 - 1)
        found_BM = self._at(users_B[:, None], place_BM.clamp_(min=0))
        return torch.where(left_B1 > 0, found_BM, self._alike(users_B, chance_BM))

    def _at(self, users_B1: Tensor, place_BM: Tensor) -> Tensor:
        """Return the item at a place among the weights of unobserved items."""
        starts_B1 = self.observed.starts_U[users_B1]
        keys_BM = users_B1 * self._total + place_BM
        passed_BM = torch.searchsorted(self._keys_E, keys_BM, right=True)
        before_BM = self._before_E1[passed_BM] - self._before_E1[starts_B1]
        items_BM = torch.searchsorted(self._ends_I, place_BM + before_BM, right=True)
        return items_BM.clamp_(max=self.observed.num_items - 1)

    def _alike(self, users_B: Tensor, chance_BM: Tensor) -> Tensor:
        """Return an unobserved item, each alike, for numbers from 0 to 1."""
        observed = self.observed
        left_B1 = observed.num_items - observed.degrees_U[users_B][:, None]
        rank_BM = torch.minimum((chance_BM * left_B1).long(), left_B1 - 1)
        keys_BM = users_B[:, None] * observed.num_items + rank_BM
        passed_BM = torch.searchsorted(self._shifted_E, keys_BM, right=True)
        return rank_BM + passed_BM - observed.starts_U[users_B][:, None]
