"""Items drawn by popularity (the exponent: Mikolov et al., NIPS 2013, arXiv:1310.4546).

Popularity is the number of training pairs; an item without any is never drawn.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Generator

from autosample.core.ranges import Between
from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import Law, ProposalConfig


class PopularityProposal(ProposalConfig):
    """Unobserved items with probability proportional to (number of training
    pairs)^alpha."""

    paper: ClassVar[str] = "Mikolov et al., NIPS 2013, arXiv:1310.4546"
    kind: Literal["popularity"] = "popularity"
    alpha: float = Field(0.75, ge=-4, le=4, json_schema_extra=Between(-0.5, 1.25))
    """Exponent: 1 draws an item as often as it was observed, 0 draws uniformly from
    items with training pairs, and below 0 rare items are likelier."""

    def build(self, observed: Observed) -> Popularity:
        return Popularity(observed, self.alpha)


class Popularity:
    def __init__(self, observed: Observed, alpha: float) -> None:
        self.observed = observed
        counts_I = observed.counts_I.double()
        # An item that was never observed keeps weight 0, though 0 ** -1 is infinite.
        weights_I = (counts_I.clamp(min=1) ** alpha) * (counts_I > 0)
        self.law = Law(observed, weights_I)

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        users_B = context.users_B
        items_BM = self.law.draw_unobserved(users_B, size, rng)
        return Pool(items_BM, law=lambda: self.law.log_q(users_B, items_BM))
