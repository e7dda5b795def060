"""Items mostly as popular as the positive, drawn by popularity groups (cohorts).

After the balanced sampler in the code of Prakash, Bermperidis and Chennu, 2024,
arXiv:2410.17276. Here cohorts hold equal shares of the training pairs.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from autosample.core.ranges import Between
from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import (
    ProposalConfig,
    log_share,
    redraw_observed,
)


class CohortProposal(ProposalConfig):
    """Items of one popularity group, mostly the positive's own; its unobserved items
    have equal probability."""

    paper: ClassVar[str] = "Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276"
    kind: Literal["cohort"] = "cohort"
    cohorts: int = Field(3, ge=2, le=100)
    """Number of popularity groups; 3 are tail, body and head."""
    same: float = Field(0.8, ge=0, le=1, json_schema_extra=Between(0.34, 0.95))
    """Probability of drawing from the positive's own group; the others are equally
    likely."""

    def build(self, observed: Observed) -> Cohorts:
        return Cohorts(observed, self.cohorts, self.same)


class Cohorts:
    """Draws by cohorts: consecutive runs of the items sorted by popularity."""

    def __init__(self, observed: Observed, cohorts: int, same: float) -> None:
        self.observed = observed
        counts_I = observed.popularity_I
        self.sorted_I = counts_I.argsort(stable=True)
        group_I = _cohorts(counts_I[self.sorted_I], cohorts)
        # Renumber, so that no cohort is empty.
        groups, group_I = torch.unique(group_I, return_inverse=True)
        self.cohort_I = torch.empty_like(group_I)
        self.cohort_I[self.sorted_I] = group_I
        self.sizes_G = group_I.bincount()
        self.firsts_G = self.sizes_G.cumsum(0) - self.sizes_G
        count = len(groups)
        law_GG = torch.full(
            (count, count), (1 - same) / max(count - 1, 1), dtype=torch.double
        )
        self.law_GG = law_GG.fill_diagonal_(same if count > 1 else 1).to(
            counts_I.device
        )
        self._log_item_GG = log_share(self.law_GG) - self.sizes_G.log()
        self._log_left_UG = self._log_left()

    def _log_left(self) -> Tensor:
        """Return the log-probability that a draw is unobserved: (U, G).

        It depends on the user and on the positive's cohort.
        """
        observed, count = self.observed, len(self.sizes_G)
        users_E = observed.keys_E // observed.num_items
        spots_E = users_E * count + self.cohort_I[observed.items_E]
        had_UG = spots_E.bincount(minlength=observed.num_users * count)
        share_UG = had_UG.view(-1, count) / self.sizes_G.double()
        return log_share(1 - share_UG @ self.law_GG.T)

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        users_B = context.users_B
        own_B = self.cohort_I[context.positives_B]
        items_BM, allowed_BM = redraw_observed(
            self._draw(own_B.repeat_interleave(size), rng).view(-1, size),
            users_B,
            self.observed,
            lambda rows: self._draw(own_B[rows], rng),
            lambda row: self._draw_exact(int(users_B[row]), int(own_B[row]), rng),
        )

        def law() -> Tensor:
            drawn_BM = self._log_item_GG[own_B[:, None], self.cohort_I[items_BM]]
            left_B1 = self._log_left_UG[users_B, own_B][:, None]
            return torch.sub(drawn_BM, left_B1).float()

        return Pool(items_BM, allowed_BM, law)

    def _draw(self, own_X: Tensor, rng: Generator) -> Tensor:
        device = own_X.device
        chance_X = torch.rand(len(own_X), generator=rng, device=device).double()
        cumulative_GG = self.law_GG.cumsum(1)
        drawn_X = (chance_X[:, None] >= cumulative_GG[own_X]).sum(1)
        drawn_X.clamp_(max=len(self.sizes_G) - 1)
        within_X = torch.rand(
            len(own_X), dtype=torch.double, generator=rng, device=device
        )
        places_X = (within_X * self.sizes_G[drawn_X]).long() + self.firsts_G[drawn_X]
        return self.sorted_I[places_X]

    def _draw_exact(self, user: int, own: int, rng: Generator) -> Tensor:
        law_I = (self.law_GG[own] / self.sizes_G)[self.cohort_I]
        if not law_I.clone().index_fill_(0, self.observed.items_of(user), 0).any():
            law_I = torch.ones_like(law_I)
        left_I = self.observed.unobserved_weights(user, law_I)
        return left_I.multinomial(1, generator=rng)[0]


def _cohorts(counts_I: Tensor, cohorts: int) -> Tensor:
    """Return the cohort of each item, in ascending popularity: (I,).

    Cohorts end where they hold equal shares of all pairs.
    """
    before_I = counts_I.cumsum(0) - counts_I
    total = max(int(counts_I.sum()), 1)
    cohort_I = torch.div(before_I * cohorts, total, rounding_mode="floor")
    return cohort_I.clamp(max=cohorts - 1)
