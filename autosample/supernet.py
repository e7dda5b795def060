"""One training step for all candidates: shared pools, one scoring, one backward pass.

Proposals that coincide are drawn once, as wide as their widest user, and scored once
without gradient; each choice reads its first columns. Only what was chosen is gathered
again with gradient, for all candidates together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from autosample.losses import Loss, Scored
from autosample.relaxation import Relaxation
from autosample.samplers import Observed, Sampler
from autosample.samplers.base import Parts
from autosample.samplers.choices import Chosen
from autosample.samplers.context import QueryContext, inner
from autosample.samplers.pool import Pool, ScoredPool
from autosample.samplers.proposals import Proposal
from autosample.types import Pairs, Rows, Scorer


class StepLoss(NamedTuple):
    """What one step is trained on."""

    pairs_B: Tensor
    """Loss of each pair, without the penalty."""
    penalty_B: Tensor
    """Half the squared norm of the rows each pair used, negatives by their weights."""


@dataclass(frozen=True)
class Candidate:
    """A sampler taken apart, and which of the shared proposals it draws from."""

    parts: Parts
    proposal: int


@dataclass(frozen=True)
class Negatives:
    """Scored negatives of one candidate: all (B, N)."""

    scores: Tensor
    weights: Tensor
    squares: Tensor
    """Squared norms of the rows behind them."""


class Supernet:
    """The mixed step of K candidates; of one candidate, an ordinary step."""

    def __init__(
        self,
        samplers: Sequence[Sampler],
        observed: Observed,
        loss: Loss,
        relaxation: Relaxation = Relaxation.LOSS,
    ) -> None:
        parts = [sampler.parts for sampler in samplers]
        proposals = list(dict.fromkeys(part.proposal for part in parts))
        self.loss, self.relaxation = loss, relaxation
        self.proposals = [proposal.build(observed) for proposal in proposals]
        self.candidates = [
            Candidate(part, proposals.index(part.proposal)) for part in parts
        ]

    def step(
        self, scorer: Scorer, pairs: Pairs, weights_K: Tensor, rng: Generator
    ) -> StepLoss:
        """Return the loss of each pair under the mixture of candidates."""
        queries = scorer.queries(pairs.queries)
        context = context_of(scorer, pairs, queries)
        if self.relaxation is Relaxation.SAMPLED and len(self.candidates) > 1:
            return self._sampled_step(context, queries, weights_K, rng)
        chosen = self.choose(context, range(len(self.candidates)), rng)
        return self.losses(context, queries, chosen, weights_K, rng)

    def choose(
        self, context: QueryContext, members: Sequence[int], rng: Generator
    ) -> list[ChosenSlots]:
        """Draw one pool a proposal, as wide as these need, and let each choose."""
        candidates = [self.candidates[k] for k in members]
        drawn = {}
        for at in sorted({each.proposal for each in candidates}):
            users = [each.parts for each in candidates if each.proposal == at]
            drawn[at] = _draw(self.proposals[at], users, context, rng)
        return [_choose(each, drawn[each.proposal], rng) for each in candidates]

    def losses(
        self,
        context: QueryContext,
        queries: Rows,
        chosen: list[ChosenSlots],
        weights: Tensor,
        rng: Generator,
    ) -> StepLoss:
        """Score what was chosen, with gradient, and mix the candidates' losses."""
        positive, negatives = _gather(context.scorer, queries, context, chosen, rng)
        if self.relaxation is Relaxation.INSTANCE:
            scored = [_mixed_instance(negatives, weights)]
            losses_B = self.loss.mixture(positive.scores_B, scored, weights.new_ones(1))
        else:
            scored = [Scored(each.scores, each.weights) for each in negatives]
            losses_B = self.loss.mixture(positive.scores_B, scored, weights)
        squares_BK = torch.stack(
            [(each.squares * each.weights).sum(1) for each in negatives], 1
        )
        penalty_B = positive.squares_B + (squares_BK * weights).sum(1)
        return StepLoss(losses_B, penalty_B / 2)

    def _sampled_step(
        self, context: QueryContext, queries: Rows, weights_K: Tensor, rng: Generator
    ) -> StepLoss:
        """Give each pair to one candidate; a candidate sees its own pairs alone."""
        size = len(context.users_B)
        drawn_B = weights_K.multinomial(size, replacement=True, generator=rng)
        at, steps = [], []
        for k in range(len(self.candidates)):
            rows = (drawn_B == k).nonzero()[:, 0]
            if not len(rows):
                continue
            part = context.part(rows)
            mine = Rows(queries.scored[rows], queries.free[rows])
            chosen = self.choose(part, [k], rng)
            one = weights_K.new_ones(1)
            steps.append(self.losses(part, mine, chosen, one, rng))
            at.append(rows)
        back = torch.cat(at).argsort()
        return StepLoss(
            *(torch.cat(column)[back] for column in zip(*steps, strict=True))
        )


class Drawn(NamedTuple):
    """A block of columns, drawn and scored."""

    pool: Pool
    scores: Tensor | None
    layer_scores: Tensor | None


class ChosenSlots(NamedTuple):
    """What one candidate uses of its pool."""

    pool: Pool
    slots: Tensor
    """(B, N), or (B, N, L) where each layer chooses by itself."""
    weights: Tensor
    parts: Parts


class _Positive(NamedTuple):
    scores_B: Tensor
    squares_B: Tensor


@torch.no_grad()
def context_of(scorer: Scorer, pairs: Pairs, queries: Rows) -> QueryContext:
    """Return what samplers may know of a batch."""
    rows_BD = queries.scored.detach()
    positives_BD = scorer.items(pairs.items_B).scored
    return QueryContext(
        users_B=pairs.queries.users_B,
        positives_B=pairs.items_B,
        rows_BD=rows_BD,
        positive_scores_B=(rows_BD * positives_BD).sum(1),
        batch_items=pairs.items_B,
        scorer=scorer,
    )


def _draw(
    proposal: Proposal, users: list[Parts], context: QueryContext, rng: Generator
) -> Drawn:
    """Draw what the widest of its users needs, scored if any of them asks."""
    pool = proposal.draw(context, max(part.pool for part in users), rng)
    layered = any(part.synthesis is not None for part in users)
    one_layer = context.scorer.num_layers == 1  # and then it is the pooled row
    asked = any(part.choice.needs_scores and not part.synthesis for part in users)
    scores = context.score(pool.items) if asked or (layered and one_layer) else None
    if not layered:
        return Drawn(pool, scores, None)
    if one_layer and scores is not None:
        return Drawn(pool, scores, scores[..., None])
    return Drawn(pool, scores, context.score_layers(pool.items))


def _choose(candidate: Candidate, drawn: Drawn, rng: Generator) -> ChosenSlots:
    parts = candidate.parts
    pool = drawn.pool.first(parts.pool)
    if parts.synthesis is None:
        scores = drawn.scores if parts.choice.needs_scores else None
        chosen = parts.choice.choose(_view(pool, scores, drawn), rng)
        return ChosenSlots(pool, *chosen, parts)
    assert drawn.layer_scores is not None
    each: list[Chosen] = [
        parts.choice.choose(_view(pool, scores_BM, drawn), rng)
        for scores_BM in drawn.layer_scores.unbind(-1)
    ]
    slots_BNL = torch.stack([chosen.slots_BN for chosen in each], -1)
    return ChosenSlots(pool, slots_BNL, each[0].weights_BN, parts)


def _view(pool: Pool, scores: Tensor | None, drawn: Drawn) -> ScoredPool:
    size = pool.items.shape[1]
    rows = next(
        len(each)
        for each in (scores, pool.allowed, drawn.scores, drawn.layer_scores, pool.items)
        if each is not None
    )
    return ScoredPool(
        size=(rows, size),
        allowed=pool.allowed,
        scores=None if scores is None else scores[:, :size],
        device=pool.items.device,
    )


def _gather(
    scorer: Scorer,
    queries: Rows,
    context: QueryContext,
    chosen: list[ChosenSlots],
    rng: Generator,
) -> tuple[_Positive, list[Negatives]]:
    """Score positives and all chosen slots with gradient, in few gathers."""
    plain = [
        each for each in chosen if not each.parts.synthesis and not each.pool.shared
    ]
    columns = [context.positives_B[:, None]]
    columns += [each.pool.items.gather(1, each.slots) for each in plain]
    rows = scorer.items(torch.cat(columns, 1))
    widths = [column.shape[1] for column in columns]
    scores = torch.split(inner(queries.scored, rows.scored), widths, 1)
    squares = torch.split(rows.free.square().sum(-1), widths, 1)
    own = queries.free.square().sum(-1)
    positive = _Positive(scores[0][:, 0], own + squares[0][:, 0])
    found = {
        id(each): Negatives(scores[at], each.weights, squares[at])
        for at, each in enumerate(plain, start=1)
    }
    for each in chosen:
        if id(each) not in found:
            make = _synthetic if each.parts.synthesis else _shared
            found[id(each)] = make(scorer, queries, context, each, rng)
    return positive, [found[id(each)] for each in chosen]


def _shared(
    scorer: Scorer,
    queries: Rows,
    context: QueryContext,
    chosen: ChosenSlots,
    rng: Generator,
) -> Negatives:
    """Score shared columns by one product, whatever was chosen of them."""
    rows = scorer.items(chosen.pool.items)
    scores_BC = inner(queries.scored, rows.scored)
    squares_BC = rows.free.square().sum(-1).expand_as(scores_BC)
    return Negatives(
        scores_BC.gather(1, chosen.slots),
        chosen.weights,
        squares_BC.gather(1, chosen.slots),
    )


def _synthetic(
    scorer: Scorer,
    queries: Rows,
    context: QueryContext,
    chosen: ChosenSlots,
    rng: Generator,
) -> Negatives:
    """Score made negatives; l2 shrinks the first layer of what they are made of."""
    assert chosen.parts.synthesis is not None
    layers = scorer.num_layers
    items_BM = chosen.pool.items.expand(len(context.users_B), -1)
    items_BNL = torch.stack(
        [items_BM.gather(1, slots_BN) for slots_BN in chosen.slots.unbind(-1)], -1
    )
    positives_B1L = context.positives_B[:, None, None].expand(-1, 1, layers)
    rows = scorer.item_layers(torch.cat([positives_B1L, items_BNL], 1))
    made_BND = chosen.parts.synthesis.embed(rows[:, 1:], rows[:, 0], rng)
    squares_BN = rows[:, 1:, 0].square().sum(-1)
    return Negatives(inner(queries.scored, made_BND), chosen.weights, squares_BN)


def _mixed_instance(negatives: list[Negatives], weights: Tensor) -> Scored:
    """Mix each candidate's weighted negative into one: s = sum_k a_k s_k, (B, 1).

    The score of the mixed embedding, as scores are linear in it.
    """
    scores_BK = torch.stack(
        [(each.scores * each.weights).sum(1) for each in negatives], 1
    )
    mixed_B1 = (scores_BK * weights).sum(1, keepdim=True)
    return Scored(mixed_B1, torch.ones_like(mixed_B1))


def equal_weights(count: int) -> Tensor:
    """Return the mixture in which all candidates weigh the same: (K,)."""
    return torch.full((count,), 1 / count)
