"""ANS (Zhao et al., RecSys 2023, arXiv:2308.05972).

A gate splits a negative into a hard and an easy part; the easy part is moved a little
towards the positive's. Deviations: the margin of the move is sigma(W x), not the
official code's sigma(1 / (W x)), which has a pole; scores are those of pooled rows.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeFloat
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize, softplus

from autosample.samplers.context import QueryContext
from autosample.samplers.ranges import Between
from autosample.samplers.synthesis.base import (
    Gates,
    Ingredients,
    Made,
    Synthesis,
    gate,
)

REACH = 0.1
"""Length of the largest move, as the paper has it."""


class ANS(Synthesis):
    """The chosen item with its easy part moved at random towards the positive's."""

    gated: ClassVar[bool] = True

    paper: ClassVar[str] = "Zhao et al., RecSys 2023, arXiv:2308.05972"
    kind: Literal["ans"] = "ans"
    gamma: NonNegativeFloat = Field(0.1, json_schema_extra=Between(0.01, 1, log=True))
    """Weight of the gates' own loss."""
    gain: NonNegativeFloat = Field(0.5, json_schema_extra=Between(0, 1))
    """The paper's epsilon: what a move's gain in score adds to the choice."""

    def build(self, like: Tensor, rng: Generator) -> ANSGates:
        return ANSGates(self, like, rng)


class Pieces(NamedTuple):
    """A negative and a positive, split by the negative's gate: (B, N, L, D) each."""

    hard: Tensor
    easy: Tensor
    positive_hard: Tensor
    positive_easy: Tensor

    def moved(self, step: Tensor) -> Tensor:
        """Return the negative with its easy part moved by a step (B, 1, L, D)."""
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
        """Split rows and the positive by how much each number tells of the user."""
        users = (queries_BD @ self.user)[:, None, None]
        opened = torch.sigmoid((rows_BNLD @ self.item) * users)
        hard, positive = opened * rows_BNLD, opened * positives_BLD[:, None]
        return Pieces(
            hard, rows_BNLD - hard, positive, positives_BLD[:, None] - positive
        )

    def step(self, pieces: Pieces, rng: Generator) -> Tensor:
        """Return how far each number moves: one random direction a pair and layer, so
        that choice and result agree, as long as each item's margin lets it."""
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
        moved = pieces.moved(self.step(pieces, rng))
        weighed = moved + self.config.gain * (moved - rows_BMLD)
        return torch.einsum("bmld,bd->bml", weighed, context.rows_BD)

    def embed(self, parts: Ingredients, rng: Generator) -> Made:
        pieces = self.split(parts.queries_BD, parts.chosen_BNLD, parts.positives_BLD)
        moved = pieces.moved(self.step(pieces, rng))
        queries = parts.queries_BD[:, None, None]
        hard, easy = ((part * queries).sum(-1) for part in pieces[:2])  # (B, N, L)
        contrast = softplus(easy - hard)
        apart = length_of(pieces.hard - pieces.positive_hard)
        common = length_of(pieces.positive_easy * pieces.easy)
        auxiliary_B = (contrast + apart + common).mean((1, 2))
        return Made(moved.mean(2), self.config.gamma * auxiliary_B)


def length_of(rows: Tensor) -> Tensor:
    """Return Euclidean lengths, with a gradient at zero, too."""
    return (rows.square().sum(-1) + 1e-12).sqrt()
