"""DENS (Lai et al., WSDM 2023, doi:10.1145/3539597.3570419).

Gates split an item into a part that is relevant for the user and the rest. They are
trained by an additional loss, because a choice has no gradient. The query's pooled
embedding is used where the paper has one per layer, as a query need not have layers.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn.functional import softplus

from autosample.core.bounds import EpochCount, NonNegative
from autosample.core.links import Ingredients
from autosample.core.ranges import Between
from autosample.samplers.context import QueryContext
from autosample.samplers.synthesis.base import (
    Gates,
    Synthesis,
    SyntheticRows,
    gate,
)


class DENS(Synthesis):
    """Items chosen by gated scores: early in training by their irrelevant part, late by
    how little of the relevant part they share with the positive."""

    gated: ClassVar[bool] = True

    paper: ClassVar[str] = "Lai et al., WSDM 2023, doi:10.1145/3539597.3570419"
    kind: Literal["dens"] = "dens"
    gamma: NonNegative = Field(0.3, json_schema_extra=Between(0.05, 1, log=True))
    """Weight of the loss that trains the gates."""
    warmup: EpochCount = 100
    """Epochs over which the scores change from early to late."""

    def build(self, like: Tensor, rng: Generator) -> DENSGates:
        return DENSGates(self, like, rng)


class Gated(NamedTuple):
    """The relevant part of embeddings and the rest, which have the same shape."""

    relevant: Tensor
    rest: Tensor


class DENSGates(Gates):
    def __init__(self, config: DENS, like: Tensor, rng: Generator) -> None:
        super().__init__()
        self.config = config
        self.item, self.user, self.negative, self.positive = (
            gate(like, rng) for _ in range(4)
        )

    def split_positives(self, queries_BD: Tensor, positives_BLD: Tensor) -> Gated:
        """Split the layers of positives: (B, L, D)."""
        users_B1D = (queries_BD @ self.user)[:, None]
        relevant = positives_BLD * torch.sigmoid(positives_BLD @ self.item + users_B1D)
        return Gated(relevant, positives_BLD - relevant)

    def split_negatives(self, negatives_BNLD: Tensor, relevant_BLD: Tensor) -> Gated:
        """Split the layers of negatives by the positive's relevant part: (B, N, L,
        D)."""
        asked_B1LD = (relevant_BLD @ self.positive)[:, None]
        opened = torch.sigmoid(negatives_BNLD @ self.negative + asked_B1LD)
        return Gated(negatives_BNLD * opened, negatives_BNLD * (1 - opened))

    @torch.no_grad()
    def scores(self, context: QueryContext, items_BM: Tensor, rng: Generator) -> Tensor:
        rows_BMLD = context.layers(items_BM)
        positives_BLD = context.layers(context.positives_B)
        positive = self.split_positives(context.rows_BD, positives_BLD)
        negative = self.split_negatives(rows_BMLD, positive.relevant)
        late = context.moment.share(self.config.warmup)
        hard_BMLD = (1 - late) * rows_BMLD - negative.relevant
        return torch.einsum("bmld,bd->bml", hard_BMLD, context.rows_BD)

    def embed(self, ingredients: Ingredients, rng: Generator) -> SyntheticRows:
        queries_B1D = ingredients.queries_BD[:, None]
        positive = self.split_positives(
            ingredients.queries_BD, ingredients.positives_BLD
        )
        negative = self.split_negatives(ingredients.chosen_BNLD, positive.relevant)

        def score(rows_BNLD: Tensor) -> Tensor:
            return (rows_BNLD.mean(2) * queries_B1D).sum(-1)  # (B, N)

        liked, unliked = (score(rows[:, None]) for rows in positive)  # (B, 1)
        same, other = (score(rows) for rows in negative)  # (B, N)
        terms = (
            softplus(unliked - liked)
            + softplus(same - other)
            + softplus(same - liked)
            + softplus(unliked - other)
        ) / 4
        return SyntheticRows(
            ingredients.chosen_BNLD.mean(2), self.config.gamma * terms.mean(1)
        )
