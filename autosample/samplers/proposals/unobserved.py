"""Draws of unobserved items by inverting the conditional distribution, for GPUs.

Redrawing observed items on a GPU would make the host wait for the number of items that
are left to redraw. Here a random number picks a place among the weights of the items
that the user has not observed, which takes two binary searches and no rejection.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from autosample.samplers.observed import Observed


class UnobservedLaw:
    """A distribution over items given that the user has not observed them.

    Weights are integers, so that rounding cannot pick an observed item. Takes 24 bytes
    per training pair.
    """

    def __init__(self, observed: Observed, weights_I: Tensor) -> None:
        """Prepare for `weights_I` (I,); raises DataError if a user has observed all
        items."""
        observed.check()
        self.observed = observed
        # The largest sum of weights for which the keys of all users stay below 2^62.
        total = 2 ** min(62 - (observed.num_users + 1).bit_length(), 48)
        share_I = weights_I.double() / weights_I.sum()
        weights_I = (share_I * (total - 1)).long()
        self._ends_I = weights_I.cumsum(0)
        self._total = total
        users_E = observed.keys_E // observed.num_items
        own_E = weights_I[observed.items_E]
        self._before_E1 = torch.cat([own_E.new_zeros(1), own_E.cumsum(0)])
        starts_U = self._before_E1[observed.starts_U]
        ends_U = self._before_E1[observed.starts_U + observed.degrees_U]
        self._left_U = self._ends_I[-1] - (ends_U - starts_U)
        before_E = self._before_E1[:-1] - starts_U[users_E]
        first_E = (self._ends_I - weights_I)[observed.items_E]
        self._keys_E = users_E * total + first_E - before_E
        places_E = torch.arange(len(users_E), device=observed.device)
        self._shifted_E = observed.keys_E - places_E + observed.starts_U[users_E]

    def draw(self, users_B: Tensor, size: int, rng: Generator) -> Tensor:
        """Draw `size` items for each user: (B, M).

        If the user has observed all items with a weight, the others are equally likely.
        """
        shape = (len(users_B), size)
        chance_BM = torch.rand(
            shape, dtype=torch.double, generator=rng, device=users_B.device
        )
        left_B1 = self._left_U[users_B][:, None]
        place_BM = torch.minimum((chance_BM * left_B1).long(), left_B1 - 1)
        items_BM = self._at(users_B[:, None], place_BM.clamp_(min=0))
        return torch.where(left_B1 > 0, items_BM, self._uniform(users_B, chance_BM))

    def _at(self, users_B1: Tensor, place_BM: Tensor) -> Tensor:
        """Return the items at places among the weights of unobserved items: (B, M)."""
        starts_B1 = self.observed.starts_U[users_B1]
        keys_BM = users_B1 * self._total + place_BM
        passed_BM = torch.searchsorted(self._keys_E, keys_BM, right=True)
        before_BM = self._before_E1[passed_BM] - self._before_E1[starts_B1]
        items_BM = torch.searchsorted(self._ends_I, place_BM + before_BM, right=True)
        return items_BM.clamp_(max=self.observed.num_items - 1)

    def _uniform(self, users_B: Tensor, chance_BM: Tensor) -> Tensor:
        """Return equally likely unobserved items for random numbers in [0, 1): (B,
        M)."""
        observed = self.observed
        left_B1 = observed.num_items - observed.degrees_U[users_B][:, None]
        rank_BM = torch.minimum((chance_BM * left_B1).long(), left_B1 - 1)
        keys_BM = users_B[:, None] * observed.num_items + rank_BM
        passed_BM = torch.searchsorted(self._shifted_E, keys_BM, right=True)
        return rank_BM + passed_BM - observed.starts_U[users_B][:, None]
