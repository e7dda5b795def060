"""Score the chosen negatives with gradients, in as few gathers as possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from autosample.core.links import Linked, Links
from autosample.core.seeds import seeded
from autosample.losses import Scored
from autosample.samplers.context import QueryContext, inner
from autosample.training.supernet.columns import ChosenSlots
from autosample.training.supernet.kept import Kept


@dataclass(frozen=True)
class Negatives:
    """Scored negatives of one leaf of a sampler."""

    scores: Tensor
    """(B, N)"""
    weights: Tensor
    """(B, N)"""
    squares_B: Tensor
    """Weighted sum of the squared norms of their free rows: (B,)."""
    log_q: Tensor | None = None
    """Log-probability of drawing each, where the loss asks for it: (B, N)."""
    auxiliary_B: Tensor | None = None
    """Additional loss of a synthesis that learns: (B,)."""

    @property
    def scored(self) -> Scored:
        return Scored(self.scores, self.weights, self.log_q)


class Positive(NamedTuple):
    """Scored positives of a batch."""

    scores_B: Tensor
    squares_B: Tensor
    """Squared norms of the query's and the item's free rows, added: (B,)."""


class Gathering(NamedTuple):
    """What scoring needs to know about a step."""

    kept: Kept
    context: QueryContext
    links: Links
    log_q: bool
    """Whether the loss asks for the log-probability of drawing each negative."""


def gather(
    step: Gathering, chosen: list[ChosenSlots]
) -> tuple[Positive, list[Negatives]]:
    """Score positives and all chosen slots; returns negatives in the order of slots."""
    context = step.context
    plain = [slots for slots in chosen if _is_plain(slots)]
    columns = [context.positives_B[:, None], *(slots.items for slots in plain)]
    linked = step.links.pairs(torch.cat(columns, 1))
    widths = [column.shape[1] for column in columns]
    scores = torch.split(linked.scores, widths, 1)
    squares = torch.split(linked.squares, widths, 1)
    positive = Positive(scores[0][:, 0], step.links.own_squares() + squares[0][:, 0])
    gathered = iter(
        [
            _plain(step, slots, Linked(*columns))
            for slots, *columns in zip(plain, scores[1:], squares[1:], strict=True)
        ]
    )
    return positive, [
        next(gathered) if _is_plain(slots) else _other(step, slots) for slots in chosen
    ]


def _is_plain(chosen: ChosenSlots) -> bool:
    """Tell whether negatives are items of each pair's own, which one gather scores."""
    return chosen.parts.synthesis is None and not chosen.pool.shared


def _plain(step: Gathering, chosen: ChosenSlots, linked: Linked) -> Negatives:
    squares_B = (linked.squares * chosen.weights.detach()).sum(1)
    return Negatives(linked.scores, chosen.weights, squares_B, _log_q(step, chosen))


def _other(step: Gathering, chosen: ChosenSlots) -> Negatives:
    if chosen.parts.synthesis is None:
        return _shared(step, chosen)
    return _synthetic(step, chosen)


def _log_q(step: Gathering, chosen: ChosenSlots) -> Tensor | None:
    log_q = chosen.pool.log_q if step.log_q else None
    if log_q is None:
        return None
    rows = len(chosen.weights)
    return log_q.expand(rows, -1).gather(1, chosen.slots.expand(rows, -1))


def _shared(step: Gathering, chosen: ChosenSlots) -> Negatives:
    """Score the whole shared pool by one matrix product, and take the chosen slots."""
    scores_BC, squares_1C = step.links.columns(chosen.pool.items)
    slots, weights = chosen.slots, chosen.weights
    if len(slots) < len(weights):  # (1, N): the same columns for every pair
        scores_BN = scores_BC
        if slots.shape[1] != scores_BC.shape[1]:
            scores_BN = scores_BC[:, slots[0]]
        squares_B = weights.detach().to(squares_1C.dtype) @ squares_1C[0, slots[0]]
    else:
        scores_BN = scores_BC.gather(1, slots)
        squares_B = (squares_1C[0][slots] * weights.detach()).sum(1)
    return Negatives(scores_BN, weights, squares_B, _log_q(step, chosen))


def _synthetic(step: Gathering, chosen: ChosenSlots) -> Negatives:
    """Make and score negatives; l2 shrinks the first layer of their ingredients."""
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
        (parts.chosen_BNLD[:, :, 0].square().sum(-1) * chosen.weights.detach()).sum(1),
        auxiliary_B=made.auxiliary_B,
    )
