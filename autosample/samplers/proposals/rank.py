"""Adaptive oversampling by ranks of factors (Rendle and Freudenthaler, WSDM 2014,
doi:10.1145/2556195.2556248).

Factors are the columns of the item embeddings that the model scores by, including
propagated embeddings and item biases. Items are sorted before each epoch, less often
than after every I log I draws as in the paper.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from autosample.core.ranges import Between
from autosample.core.types import Scorer
from autosample.samplers.context import QueryContext
from autosample.samplers.multinomial import draw_columns
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.base import ProposalConfig, redraw_observed


class RankProposal(ProposalConfig):
    """A factor (embedding dimension) that matters to the user, then an item that ranks
    high on it: hard negatives without scoring any item."""

    knows_log_q: ClassVar[bool] = False

    paper: ClassVar[str] = (
        "Rendle and Freudenthaler, WSDM 2014, doi:10.1145/2556195.2556248"
    )
    kind: Literal["rank"] = "rank"
    scale: float = Field(
        0.05, gt=0, le=10, json_schema_extra=Between(0.005, 0.5, log=True)
    )
    """The paper's lambda as a share of all items: the probability of a rank falls as
    e^(-rank / (scale * items)), so a smaller scale is harder."""

    def build(self, observed: Observed) -> Ranks:
        return Ranks(observed, self.scale)


class Ranks:
    def __init__(self, observed: Observed, scale: float) -> None:
        self.observed, self.scale = observed, scale
        self.order_DI: Tensor | None = None
        """Items of each factor by descending value; None before the first `prepare`."""
        self.deviation_D: Tensor | None = None

    def prepare(self, scorer: Scorer, rng: Generator) -> None:
        """Sort items by each factor; costs D sorts of I numbers."""
        with torch.no_grad():
            factors_DI = scorer.all_items().detach().T.contiguous()
            self.order_DI = factors_DI.argsort(1, descending=True)
            self.deviation_D = factors_DI.std(1, correction=0)

    def state(self) -> dict[str, Tensor]:
        return {}

    def load(self, state: dict[str, Tensor]) -> None:
        """Do nothing: ranks are sorted from the model before each epoch."""

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        if self.order_DI is None:
            self.prepare(context.scorer, rng)
        users_B = context.users_B
        items_BM, allowed_BM = redraw_observed(
            self._draw(context.rows_BD, size, rng),
            users_B,
            self.observed,
            lambda rows: self._draw(context.rows_BD[rows], 1, rng)[:, 0],
            lambda row: self._draw_exact(context, row, rng),
        )
        return Pool(items_BM, allowed_BM)

    def factor_law(self, rows_XD: Tensor) -> Tensor:
        """Return unnormalised p(factor | query) = |u_f| sigma_f; equal where all are
        zero."""
        assert self.deviation_D is not None
        weights_XD = rows_XD.abs() * self.deviation_D
        return weights_XD + (weights_XD.sum(1, keepdim=True) == 0)

    def rank_law(self) -> Tensor:
        """Return the probability of each rank, a truncated geometric distribution:
        (I,)."""
        num_items = self.observed.num_items
        ranks_I = torch.arange(
            num_items, dtype=torch.double, device=self.observed.device
        )
        return torch.softmax(-ranks_I / (self.scale * num_items), 0)

    def _draw(self, rows_XD: Tensor, count: int, rng: Generator) -> Tensor:
        assert self.order_DI is not None
        factors_XM = draw_columns(self.factor_law(rows_XD), count, rng)
        ranks_XM = self._ranks(factors_XM.numel(), rng).view_as(factors_XM)
        upward_XM = rows_XD.gather(1, factors_XM) > 0
        last = self.observed.num_items - 1
        places_XM = torch.where(upward_XM, ranks_XM, last - ranks_XM)
        return self.order_DI[factors_XM, places_XM]

    def _ranks(self, count: int, rng: Generator) -> Tensor:
        """Draw ranks by inverting their distribution, -lambda ln(1 - x (1 -
        e^(-I/lambda)))."""
        device, num_items = self.observed.device, self.observed.num_items
        chance_X = torch.rand(count, dtype=torch.double, generator=rng, device=device)
        length = self.scale * num_items
        cut = math.expm1(-num_items / length)
        ranks_X = (-length * torch.log1p(chance_X * cut)).long()
        return ranks_X.clamp_(max=num_items - 1)

    def _draw_exact(self, context: QueryContext, row: int, rng: Generator) -> Tensor:
        user = int(context.users_B[row])
        law_I = self.item_law(context.rows_BD[row])
        left_I = self.observed.unobserved_weights(user, law_I)
        return left_I.multinomial(1, generator=rng)[0]

    def item_law(self, row_D: Tensor) -> Tensor:
        """Return the probability of every item for one query, observed or not: (I,)."""
        assert self.order_DI is not None
        factors_D = self.factor_law(row_D[None])[0].double()
        factors_D = factors_D / factors_D.sum()
        ranks_I = self.rank_law()
        law_I = torch.zeros_like(ranks_I)
        for factor, share in enumerate(factors_D):
            ranks = ranks_I if row_D[factor] > 0 else ranks_I.flip(0)
            law_I.index_add_(0, self.order_DI[factor], share * ranks)
        return law_I
