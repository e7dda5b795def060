"""Every unobserved item alike (Rendle et al., UAI 2009, arXiv:1205.2618)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator

from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import ProposalConfig, redraw_observed


class UniformProposal(ProposalConfig):
    """Every item the user has not touched is equally likely."""

    kind: Literal["uniform"] = "uniform"

    def build(self, observed: Observed) -> Uniform:
        return Uniform(observed)


@dataclass(frozen=True)
class Uniform:
    observed: Observed

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        num_items, users_B = self.observed.num_items, context.users_B
        device = users_B.device

        def exact(user: int) -> torch.Tensor:
            alike = torch.ones(num_items, device=device)
            left = self.observed.unobserved_weights(user, alike)
            return left.multinomial(1, generator=rng)[0]

        items_BM = redraw_observed(
            torch.randint(
                num_items, (len(users_B), size), generator=rng, device=device
            ),
            users_B,
            self.observed,
            lambda n: torch.randint(num_items, (n,), generator=rng, device=device),
            exact,
        )
        left_B = num_items - self.observed.degrees_U[users_B]
        return Pool(items_BM, None, -left_B[:, None].log().expand_as(items_BM))
