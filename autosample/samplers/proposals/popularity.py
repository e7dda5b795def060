"""Popular items more often (Mikolov et al., NIPS 2013, arXiv:1310.4546, for the power).

Popularity counts training pairs alone; an item without any is never drawn.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import (
    ProposalConfig,
    log_share,
    redraw_observed,
)


class PopularityProposal(ProposalConfig):
    """An unobserved item is as likely as its number of training pairs ^ alpha."""

    kind: Literal["popularity"] = "popularity"
    alpha: float = Field(0.75, gt=0, le=4)
    """1: as often as it was observed; towards 0: uniform."""

    def build(self, observed: Observed) -> Popularity:
        return Popularity(observed, self.alpha)


class Popularity:
    def __init__(self, observed: Observed, alpha: float) -> None:
        self.observed = observed
        # 0 ** alpha is 0: an item never observed has no popularity to raise.
        weights_I = observed.popularity_I.double() ** alpha
        self.law_I = weights_I / weights_I.sum()
        self.cumulative_I = self.law_I.cumsum(0)
        users_E = observed.keys_E // observed.num_items
        items_E = observed.keys_E % observed.num_items
        taken_U = torch.zeros(observed.num_users, dtype=torch.double).to(users_E.device)
        taken_U.index_add_(0, users_E, self.law_I[items_E])
        self.log_left_U = log_share(1 - taken_U)

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        users_B = context.users_B
        items_BM = redraw_observed(
            self._draw(len(users_B) * size, rng).view(-1, size),
            users_B,
            self.observed,
            lambda n: self._draw(n, rng),
            lambda user: self._draw_exact(user, rng),
        )
        log_q_BM = log_share(self.law_I)[items_BM] - self.log_left_U[users_B][:, None]
        return Pool(items_BM, None, log_q_BM.float())

    def _draw(self, n: int, rng: Generator) -> Tensor:
        """Invert the cumulative law; the last item takes what rounding leaves."""
        law = self.cumulative_I
        chance = torch.rand(n, dtype=torch.double, generator=rng, device=law.device)
        items_X = torch.searchsorted(law, chance * law[-1], right=True)
        return items_X.clamp_(max=len(law) - 1)

    def _draw_exact(self, user: int, rng: Generator) -> Tensor:
        if not self.law_I.clone().index_fill_(0, self.observed.items_of(user), 0).any():
            # Every popular item is the user's own: fall back to the others, alike.
            alike = torch.ones_like(self.law_I)
            left_I = self.observed.unobserved_weights(user, alike)
        else:
            left_I = self.observed.unobserved_weights(user, self.law_I)
        return left_I.multinomial(1, generator=rng)[0]
