"""DENS (Lai et al., WSDM 2023, doi:10.1145/3539597.3570419).

Gates split an item into what is relevant for the user and what is not. They learn from
a loss of their own, since a choice passes no gradient on. The query's pooled row stands
for the paper's row of each layer, as a query need not have layers.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Generator, Tensor
from torch.nn.functional import softplus

from autosample.samplers.context import QueryContext
from autosample.samplers.ranges import Between
from autosample.samplers.synthesis.base import (
    Gates,
    Ingredients,
    Made,
    Synthesis,
    gate,
)


class DENS(Synthesis):
    """Early, items alike in what is irrelevant; late, unlike in what is relevant."""

    gated: ClassVar[bool] = True

    paper: ClassVar[str] = "Lai et al., WSDM 2023, doi:10.1145/3539597.3570419"
    kind: Literal["dens"] = "dens"
    gamma: NonNegativeFloat = Field(0.3, json_schema_extra=Between(0.05, 1, log=True))
    """Weight of the gates' own loss."""
    warmup: PositiveInt = 100
    """Passes from early to late."""

    def build(self, like: Tensor, rng: Generator) -> DENSGates:
        return DENSGates(self, like, rng)


class Parted(NamedTuple):
    """The relevant part of rows, and the rest: the same shape."""

    relevant: Tensor
    rest: Tensor


class DENSGates(Gates):
    def __init__(self, config: DENS, like: Tensor, rng: Generator) -> None:
        super().__init__()
        self.config = config
        self.item, self.user, self.negative, self.positive = (
            gate(like, rng) for _ in range(4)
        )

    def of_positive(self, queries_BD: Tensor, positives_BLD: Tensor) -> Parted:
        """Parted the positive's layers: (B, L, D)."""
        users_B1D = (queries_BD @ self.user)[:, None]
        relevant = positives_BLD * torch.sigmoid(positives_BLD @ self.item + users_B1D)
        return Parted(relevant, positives_BLD - relevant)

    def of_negatives(self, negatives_BNLD: Tensor, relevant_BLD: Tensor) -> Parted:
        """Parted negatives by what is relevant of the positive: (B, N, L, D)."""
        asked_B1LD = (relevant_BLD @ self.positive)[:, None]
        opened = torch.sigmoid(negatives_BNLD @ self.negative + asked_B1LD)
        return Parted(negatives_BNLD * opened, negatives_BNLD * (1 - opened))

    @torch.no_grad()
    def scores(self, context: QueryContext, items_BM: Tensor, rng: Generator) -> Tensor:
        rows_BMLD = context.layers(items_BM)
        positives_BLD = context.layers(context.positives_B)
        positive = self.of_positive(context.rows_BD, positives_BLD)
        negative = self.of_negatives(rows_BMLD, positive.relevant)
        late = context.moment.share(self.config.warmup)
        hard_BMLD = (1 - late) * rows_BMLD - negative.relevant
        return torch.einsum("bmld,bd->bml", hard_BMLD, context.rows_BD)

    def embed(self, parts: Ingredients, rng: Generator) -> Made:
        queries_B1D = parts.queries_BD[:, None]
        positive = self.of_positive(parts.queries_BD, parts.positives_BLD)
        negative = self.of_negatives(parts.chosen_BNLD, positive.relevant)

        def score(rows_BNLD: Tensor) -> Tensor:
            return (rows_BNLD.mean(2) * queries_B1D).sum(-1)  # (B, N)

        liked, unliked = (score(part[:, None]) for part in positive)  # (B, 1)
        same, other = (score(part) for part in negative)  # (B, N)
        terms = (
            softplus(unliked - liked)
            + softplus(same - other)
            + softplus(same - liked)
            + softplus(unliked - other)
        ) / 4
        return Made(parts.chosen_BNLD.mean(2), self.config.gamma * terms.mean(1))
