"""ANS (Zhao et al., RecSys 2023, arXiv:2308.05972).

A gate splits a negative into a hard and an easy part, and the easy part is moved a
little towards the positive's. Two deviations from the official code: the margin of the
move is sigma(W x) instead of sigma(1 / (W x)), which has a pole, and scores use the
query's pooled embedding.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize, softplus

from autosample.core.bounds import NonNegative
from autosample.core.links import Ingredients
from autosample.core.ranges import Between
from autosample.samplers.context import QueryContext
from autosample.samplers.synthesis.base import (
    Gates,
    Synthesis,
    SyntheticRows,
    gate,
)

REACH = 0.1
"""Length of the largest move, as in the paper."""


class ANS(Synthesis):
    """The chosen item with its easy part moved by a random step towards the
    positive's."""

    gated: ClassVar[bool] = True

    paper: ClassVar[str] = "Zhao et al., RecSys 2023, arXiv:2308.05972"
    kind: Literal["ans"] = "ans"
    gamma: NonNegative = Field(0.1, json_schema_extra=Between(0.01, 1, log=True))
    """Weight of the loss that trains the gates."""
    gain: NonNegative = Field(0.5, json_schema_extra=Between(0, 1))
    """The paper's epsilon: weight in the choice of the score that the move adds."""

    def build(self, like: Tensor, rng: Generator) -> ANSGates:
        return ANSGates(self, like, rng)


class Pieces(NamedTuple):
    """A negative and a positive, split by the negative's gate; (B, N, L, D) each."""

    hard: Tensor
    easy: Tensor
    positive_hard: Tensor
    positive_easy: Tensor

    def move_easy(self, step: Tensor) -> Tensor:
        """Return the negatives with their easy parts moved by a step: (B, N, L, D)."""
        towards = torch.sign(self.positive_easy - self.easy)
        return self.hard + self.easy + towards * step


class ANSGates(Gates):
    def __init__(self, config: ANS, like: Tensor, rng: Generator) -> None:
        super().__init__()
        self.config = config
        self.item, self.user = gate(like, rng), gate(like, rng)
        self.margin = nn.Parameter(gate(like, rng).detach()[:, :1].clone())

    def split(
        self, queries_BD: Tensor, rows_BNLD: Tensor, positives_BLD: Tensor
    ) -> Pieces:
        """Split negatives and positives by a gate of the user and the negative."""
        users = (queries_BD @ self.user)[:, None, None]
        opened = torch.sigmoid((rows_BNLD @ self.item) * users)
        hard, positive = opened * rows_BNLD, opened * positives_BLD[:, None]
        return Pieces(
            hard, rows_BNLD - hard, positive, positives_BLD[:, None] - positive
        )

    def step(self, pieces: Pieces, rng: Generator) -> Tensor:
        """Return the length of the move in each dimension: (B, N, L, D).

        All items of a pair share one random direction per layer, so that the choice and
        the embedding agree; each item's margin scales it.
        """
        batch, _, layers, width = pieces.hard.shape
        shape = (batch, 1, layers, width)
        device = pieces.hard.device
        random = torch.rand(shape, generator=rng, device=device).to(pieces.hard.dtype)
        length = torch.sigmoid((pieces.hard * pieces.positive_hard) @ self.margin)
        return normalize(random, dim=-1) * REACH * length

    @torch.no_grad()
    def scores(self, context: QueryContext, items_BM: Tensor, rng: Generator) -> Tensor:
        rows_BMLD = context.layers(items_BM)
        positives_BLD = context.layers(context.positives_B)
        pieces = self.split(context.rows_BD, rows_BMLD, positives_BLD)
        moved = pieces.move_easy(self.step(pieces, rng))
        weighed = moved + self.config.gain * (moved - rows_BMLD)
        return torch.einsum("bmld,bd->bml", weighed, context.rows_BD)

    def embed(self, ingredients: Ingredients, rng: Generator) -> SyntheticRows:
        pieces = self.split(
            ingredients.queries_BD, ingredients.chosen_BNLD, ingredients.positives_BLD
        )
        moved = pieces.move_easy(self.step(pieces, rng))
        queries = ingredients.queries_BD[:, None, None]
        hard, easy = ((rows * queries).sum(-1) for rows in pieces[:2])  # (B, N, L)
        contrast = softplus(easy - hard)
        apart = length_of(pieces.hard - pieces.positive_hard)
        common = length_of(pieces.positive_easy * pieces.easy)
        auxiliary_B = (contrast + apart + common).mean((1, 2))
        return SyntheticRows(moved.mean(2), self.config.gamma * auxiliary_B)


def length_of(rows: Tensor) -> Tensor:
    """Return Euclidean lengths of rows, differentiable at zero."""
    return (rows.square().sum(-1) + 1e-12).sqrt()
