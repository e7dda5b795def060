"""Scoring what was chosen, with gradient, in few gathers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from autosample.core.seeds import seeded
from autosample.losses import Scored
from autosample.samplers.context import QueryContext, inner
from autosample.training.supernet.columns import ChosenSlots
from autosample.training.supernet.kept import Kept
from autosample.training.supernet.links import Links


@dataclass(frozen=True)
class Negatives:
    """Scored negatives of one leaf."""

    scores: Tensor
    """(B, N)"""
    weights: Tensor
    """(B, N)"""
    squares_B: Tensor
    """Squared norms of the rows behind them, by their weights."""
    log_q: Tensor | None = None
    """(B, N), where the loss asks for it."""
    auxiliary_B: Tensor | None = None
    """The loss of a synthesis that learns."""

    @property
    def scored(self) -> Scored:
        return Scored(self.scores, self.weights, self.log_q)


class Positive(NamedTuple):
    scores_B: Tensor
    squares_B: Tensor
    """Squared norms of the query's and the item's rows."""


class Gathering(NamedTuple):
    """What scoring needs of a step."""

    kept: Kept
    context: QueryContext
    links: Links
    log_q: bool
    """Whether the loss asks how likely each negative was."""


def gather(
    step: Gathering, chosen: list[ChosenSlots]
) -> tuple[Positive, list[Negatives]]:
    """Score positives and all chosen slots; plain ones go through one gather."""
    context = step.context
    plain = [
        each for each in chosen if not each.parts.synthesis and not each.pool.shared
    ]
    columns = [context.positives_B[:, None]]
    columns += [each.items for each in plain]
    linked = step.links.pairs(torch.cat(columns, 1))
    widths = [column.shape[1] for column in columns]
    scores = torch.split(linked.scores, widths, 1)
    squares = torch.split(linked.squares, widths, 1)
    positive = Positive(scores[0][:, 0], step.links.own_squares() + squares[0][:, 0])
    found = {
        id(each): Negatives(
            scores[at],
            each.weights,
            (squares[at] * each.weights).sum(1),
            _log_q(step, each),
        )
        for at, each in enumerate(plain, start=1)
    }
    for each in chosen:
        if id(each) not in found:
            make = _synthetic if each.parts.synthesis else _shared
            found[id(each)] = make(step, each)
    return positive, [found[id(each)] for each in chosen]


def _log_q(step: Gathering, chosen: ChosenSlots) -> Tensor | None:
    log_q = chosen.pool.log_q if step.log_q else None
    if log_q is None:
        return None
    rows = len(chosen.weights)
    return log_q.expand(rows, -1).gather(1, chosen.slots.expand(rows, -1))


def _shared(step: Gathering, chosen: ChosenSlots) -> Negatives:
    """Score shared columns by one product, whatever was chosen of them."""
    scores_BC, squares_1C = step.links.columns(chosen.pool.items)
    slots, weights = chosen.slots, chosen.weights
    if len(slots) < len(weights):  # (1, N): the same columns for every pair
        scores_BN = scores_BC
        if slots.shape[1] != scores_BC.shape[1]:
            scores_BN = scores_BC[:, slots[0]]
        squares_B = weights.to(squares_1C.dtype) @ squares_1C[0, slots[0]]
    else:
        scores_BN = scores_BC.gather(1, slots)
        squares_B = (squares_1C[0][slots] * weights).sum(1)
    return Negatives(scores_BN, weights, squares_B, _log_q(step, chosen))


def _synthetic(step: Gathering, chosen: ChosenSlots) -> Negatives:
    """Score made negatives; l2 shrinks the first layer of what they are made of."""
    assert chosen.parts.synthesis is not None
    assert chosen.seed is not None
    context = step.context
    parts = step.links.ingredients(context.positives_B, chosen.items)
    queries_BD = parts.queries_BD
    maker = step.kept.maker(chosen.parts.synthesis, queries_BD)
    made = maker.embed(parts, seeded(chosen.seed, queries_BD.device))
    return Negatives(
        inner(queries_BD, made.rows_BND),
        chosen.weights,
        (parts.chosen_BNLD[:, :, 0].square().sum(-1) * chosen.weights).sum(1),
        auxiliary_B=made.auxiliary_B,
    )
