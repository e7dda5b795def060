"""Draw and score one pool per distinct proposal, then let each candidate choose."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from autosample.core.seeds import next_seed, seeded
from autosample.samplers import Parts
from autosample.samplers.context import QueryContext
from autosample.samplers.pool import Pool, ScoredPool
from autosample.samplers.proposals import Proposal, ProposalConfig
from autosample.samplers.synthesis import Gates
from autosample.training.supernet.kept import Kept


class ChosenSlots(NamedTuple):
    """The slots of its pool that one leaf of a sampler has chosen."""

    pool: Pool
    slots: Tensor
    """Columns of the pool: (B, N), (1, N) where every pair uses the same ones, or
    (B, N, L) where the choice is made in each layer."""
    weights: Tensor
    """Weight of each negative in the loss: (B, N)."""
    parts: Parts
    seed: int | None = None
    """Seed of a synthesis' randomness."""

    @property
    def items(self) -> Tensor:
        """The chosen items: (B, N), or (B, N, L) if each layer has its own choice."""
        rows = len(self.weights)
        slots = self.slots.expand(rows, *self.slots.shape[1:])
        items_BM = self.pool.items.expand(rows, -1)
        return items_BM.gather(1, slots.flatten(1)).view_as(slots)


class Columns(NamedTuple):
    """A pool that several leaves share, and its scores."""

    pool: Pool
    scores: Tensor | None
    """(B, M); None if no leaf needs them."""
    layer_scores: Tensor | None
    """(B, M, L); None if no leaf needs them."""


def choose(
    kept: Kept, leaves: list[Parts], context: QueryContext, rng: Generator
) -> list[ChosenSlots]:
    """Draw one pool per distinct proposal, and let each leaf choose from its pool."""
    drawn: dict[ProposalConfig, Columns] = {}
    for parts in leaves:
        if parts.proposal not in drawn:
            sharing = [leaf for leaf in leaves if leaf.proposal == parts.proposal]
            proposal = kept.proposals[parts.proposal]
            drawn[parts.proposal] = _draw(proposal, sharing, context, rng)
    return [
        _choose(kept, parts, drawn[parts.proposal], context, rng) for parts in leaves
    ]


def _draw(
    proposal: Proposal, sharing: list[Parts], context: QueryContext, rng: Generator
) -> Columns:
    """Draw a pool as large as the largest that is needed, and score it if needed."""
    pool = proposal.draw(context, max(parts.pool for parts in sharing), rng)
    one_layer = context.scorer.num_layers == 1  # then layer scores are the scores
    layered = any(_by_layer(parts) for parts in sharing)
    asked = any(parts.needs_scores and not parts.synthesis for parts in sharing)
    scores = context.score(pool.items) if asked or (layered and one_layer) else None
    if not layered:
        return Columns(pool, scores, None)
    if one_layer and scores is not None:
        return Columns(pool, scores, scores[..., None])
    return Columns(pool, scores, context.score_layers(pool.items))


def _by_layer(parts: Parts) -> bool:
    """Tell whether the choice goes by plain scores of layers, not by own gates."""
    return parts.synthesis is not None and not parts.synthesis.gated


def _choose(
    kept: Kept, parts: Parts, columns: Columns, context: QueryContext, rng: Generator
) -> ChosenSlots:
    pool = columns.pool.first(parts.pool)
    if parts.synthesis is None:
        scores = columns.scores if parts.needs_scores else None
        if scores is not None:
            scores = scores[:, : parts.pool]
        scored = ScoredPool(pool, scores, context).without_top(parts.guard)
        return ChosenSlots(pool, *kept.chooser(parts.choice).choose(scored, rng), parts)
    seed = next_seed(rng)
    layers = _layer_scores(kept, parts, columns, pool, context, seed)
    by_layer = [
        kept.chooser(parts.choice).choose(
            ScoredPool(pool, scores_BM, context).without_top(parts.guard), rng
        )
        for scores_BM in layers.unbind(-1)
    ]
    slots_BNL = torch.stack([chosen.slots for chosen in by_layer], -1)
    return ChosenSlots(pool, slots_BNL, by_layer[0].weights_BN, parts, seed)


def _layer_scores(
    kept: Kept,
    parts: Parts,
    columns: Columns,
    pool: Pool,
    context: QueryContext,
    seed: int,
) -> Tensor:
    assert parts.synthesis is not None
    maker = kept.maker(parts.synthesis, context.rows_BD)
    if isinstance(maker, Gates):
        return maker.scores(context, pool.items, seeded(seed, context.rows_BD.device))
    assert columns.layer_scores is not None
    return columns.layer_scores[:, : parts.pool]
