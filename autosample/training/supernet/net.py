"""One training step for all candidates: shared pools, one scoring, one backward pass.

Candidates with the same proposal share a pool, as large as the largest that is needed.
It is scored once, without gradients; each choice reads the first columns of it. Only
chosen items are scored again with gradients, for all candidates together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import NamedTuple, Self

import torch
from torch import Generator, Tensor

from autosample.core.links import Links
from autosample.core.types import (
    START,
    Moment,
    Pairs,
    Refresh,
    Rows,
    Scorer,
)
from autosample.errors import SpecError
from autosample.losses import Loss, Scored
from autosample.samplers import Observed, Parts, Sampler
from autosample.samplers.context import QueryContext
from autosample.training.relaxation import Relaxation
from autosample.training.supernet.columns import ChosenSlots, choose
from autosample.training.supernet.gather import (
    Gathering,
    Negatives,
    gather,
)
from autosample.training.supernet.kept import ByUser, Kept, Mixer
from autosample.training.supernet.links import ScorerLinks, links_of


class StepLoss(NamedTuple):
    """The loss of one step, pair by pair."""

    pairs_B: Tensor
    """Loss of each pair, without the l2 penalty."""
    penalty_B: Tensor
    """Half the squared norm of the rows that each pair used; negatives are weighted."""


class Leaves(NamedTuple):
    """The J leaves of all candidates, which draw negatives in the current epoch."""

    parts: list[Parts]
    shares_J: Tensor
    """Share of each leaf in its candidate's loss."""
    owners_J: Tensor
    """Candidate that each leaf belongs to."""
    owners: list[int]
    """The same, on the host."""

    def weights(self, weights: Tensor) -> Tensor:
        """Return leaves' weights (..., J) from candidates' weights (..., K)."""
        return weights[..., self.owners_J] * self.shares_J.to(weights.dtype)


class Supernet:
    """The mixed step of K candidates. With one candidate it is an ordinary step."""

    def __init__(
        self,
        samplers: Sequence[Sampler],
        observed: Observed,
        loss: Loss,
        relaxation: Relaxation = Relaxation.LOSS,
        *,
        rng: Generator | None = None,
        losses: Sequence[Loss] | None = None,
    ) -> None:
        """`rng` is where the initial parameters of learners come from. `losses` has one
        for each candidate, which must score alike; None: all have `loss`."""
        rng = rng or torch.Generator().manual_seed(0)
        parts = [part for sampler in samplers for part in sampler.all_parts]
        self.samplers, self.observed = tuple(samplers), observed
        self.loss, self.relaxation = loss, relaxation
        self.losses_K = tuple(losses or [loss] * len(samplers))
        self.kept = Kept(parts, observed, rng, dict.fromkeys([loss, *self.losses_K]))
        self.mixer = self.kept.mixer(loss)
        self._begin(START)

    def _begin(self, moment: Moment) -> None:
        self.moment = moment
        leaves = [
            (leaf, owner)
            for owner, sampler in enumerate(self.samplers)
            for leaf in sampler.leaves(moment)
        ]
        device = self.observed.device
        self.leaves = Leaves(
            [leaf.parts for leaf, _ in leaves],
            torch.tensor([leaf.share for leaf, _ in leaves], device=device),
            torch.tensor([owner for _, owner in leaves], device=device),
            [owner for _, owner in leaves],
        )

    def begin(
        self, moment: Moment, scorer: Callable[[], Scorer], rng: Generator
    ) -> None:
        """Begin an epoch: curricula move on, and proposals that follow the model are
        prepared, which costs a forward pass if there are any."""
        self._begin(moment)
        due = self.kept.due(moment)
        if self.kept.followers:
            self.kept.prepare(scorer(), rng)
        for each in due:
            each.renew(scorer(), self.observed, rng)

    def only(self, k: int) -> Self:
        """Return a supernet of one candidate that shares all built parts with this."""
        alone = copy(self)
        alone.samplers, alone.losses_K = (self.samplers[k],), (self.losses_K[k],)
        alone.loss = self.losses_K[k]
        alone.mixer = self.kept.mixer(alone.loss)
        alone._begin(self.moment)
        return alone

    def step(
        self,
        scorer: Scorer,
        pairs: Pairs,
        weights_K: Tensor,
        rng: Generator,
        refresh: Refresh | None = None,
    ) -> StepLoss:
        """Return the loss of each pair under the mixture of candidates. `refresh` is
        called before samplers read items' rows; None: all are up to date."""
        queries = scorer.queries(pairs.queries)
        context = self.context(scorer, pairs, queries, refresh)
        links = links_of(scorer, pairs.queries, queries)
        return self.mixed(context, links, weights_K, rng)

    def mixed(
        self, context: QueryContext, links: Links, weights_K: Tensor, rng: Generator
    ) -> StepLoss:
        """Return the loss of each pair, with scores from the links of a batch."""
        weights_J = self.leaves.weights(weights_K)
        if self.relaxation is Relaxation.SAMPLED and len(weights_J) > 1:
            return self._sampled_step(context, links, weights_J, rng)
        return self.losses(context, links, self.choose(context, rng), weights_J)

    def mixer_of(self, users_B: Tensor, loss: Loss | None = None) -> Mixer:
        """Return a loss, by default the only one, of pairs of these users."""
        mixer = self.mixer if loss is None else self.kept.mixer(loss)
        return mixer.of(users_B) if isinstance(mixer, ByUser) else mixer

    @torch.no_grad()
    def context(
        self,
        scorer: Scorer,
        pairs: Pairs,
        queries: Rows,
        refresh: Refresh | None = None,
    ) -> QueryContext:
        """Return what samplers may know about a batch."""
        rows_BD = queries.scored.detach()
        positives_BD = scorer.items(pairs.items_B).scored
        return QueryContext(
            users_B=pairs.queries.users_B,
            positives_B=pairs.items_B,
            rows_BD=rows_BD,
            positive_scores_B=(rows_BD * positives_BD).sum(1),
            batch_items=pairs.items_B,
            scorer=scorer,
            observed=self.observed,
            moment=self.moment,
            refresh=refresh,
        )

    def choose(
        self, context: QueryContext, rng: Generator, leaf: int | None = None
    ) -> list[ChosenSlots]:
        """Draw and choose negatives for all leaves, or for one of them."""
        parts = self.leaves.parts if leaf is None else [self.leaves.parts[leaf]]
        return choose(self.kept, parts, context, rng)

    def losses(
        self,
        context: QueryContext,
        links: Links,
        chosen: list[ChosenSlots],
        weights: Tensor,
        leaf: int | None = None,
    ) -> StepLoss:
        """Score the chosen negatives with gradients, and mix their losses by the
        weights of the leaves (J,), or of the one leaf that has chosen."""
        log_q = any(loss.needs_log_q for loss in self.losses_K)
        step = Gathering(self.kept, context, links, log_q)
        positive, negatives = gather(step, chosen)
        if self.relaxation is Relaxation.INSTANCE:
            scored = [_mixed_instance(negatives, weights)]
            mixer = self.mixer_of(context.users_B)
            losses_B = mixer.mix(positive.scores_B, scored, weights.new_ones(1))
        else:
            losses_B = self._mix(
                context, links, positive.scores_B, negatives, weights, leaf
            )
        for weight, each in zip(weights, negatives, strict=True):
            if each.auxiliary_B is not None:
                losses_B = losses_B + weight * each.auxiliary_B
        squares_BJ = torch.stack([each.squares_B for each in negatives], 1)
        penalty_B = positive.squares_B + (squares_BJ * weights).sum(1)
        return StepLoss(losses_B, penalty_B / 2)

    def _mix(
        self,
        context: QueryContext,
        links: Links,
        positive_B: Tensor,
        negatives: list[Negatives],
        weights: Tensor,
        leaf: int | None,
    ) -> Tensor:
        """Return the mixed loss of each pair: for each distinct loss, the exact mixture
        of the leaves that have it."""
        owners = self.leaves.owners if leaf is None else [self.leaves.owners[leaf]]
        by_loss: dict[Loss, list[int]] = {}
        for at, owner in enumerate(owners):
            by_loss.setdefault(self.losses_K[owner], []).append(at)
        parts = []
        for loss, mine in by_loss.items():
            shares = weights if len(mine) == len(owners) else weights[..., mine]
            if loss.of_catalogue:
                parts.append(shares.sum(-1) * _of_all(loss, links, positive_B))
                continue
            scored = [negatives[at].scored for at in mine]
            mixer = self.mixer_of(context.users_B, loss)
            parts.append(mixer.mix(positive_B, scored, shares))
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)

    def _sampled_step(
        self, context: QueryContext, links: Links, weights_J: Tensor, rng: Generator
    ) -> StepLoss:
        """Draw one leaf for each pair; each leaf draws negatives for its pairs only."""
        size = len(context.users_B)
        drawn_B = weights_J.multinomial(size, replacement=True, generator=rng)
        at, steps = [], []
        for leaf in range(len(weights_J)):
            rows = (drawn_B == leaf).nonzero()[:, 0]
            if not len(rows):
                continue
            part = context.part(rows)
            chosen = self.choose(part, rng, leaf)
            one = weights_J.new_ones(1)
            steps.append(self.losses(part, links.part(rows), chosen, one, leaf))
            at.append(rows)
        back = torch.cat(at).argsort()
        return StepLoss(
            *(torch.cat(column)[back] for column in zip(*steps, strict=True))
        )


def _of_all(loss: Loss, links: Links, positive_B: Tensor) -> Tensor:
    """Return a loss of all items' scores, for each pair."""
    if not isinstance(links, ScorerLinks):
        raise SpecError(
            f"loss {loss.kind} ranks all items by the scorer's rows, and this model's"
            " training scores are not inner products of them; take another loss"
        )
    return loss.of_all(positive_B, links.queries.scored, links.scorer.all_items())


def _mixed_instance(negatives: list[Negatives], weights: Tensor) -> Scored:
    """Return one negative per pair with score s = sum_k a_k s_k: (B, 1).

    As scores are linear in embeddings, this is the score of the mixed embedding.
    """
    scores_BJ = torch.stack(
        [(leaf.scores * leaf.weights).sum(1) for leaf in negatives], 1
    )
    mixed_B1 = (scores_BJ * weights).sum(1, keepdim=True)
    return Scored(mixed_B1, torch.ones_like(mixed_B1))


def equal_weights(count: int) -> Tensor:
    """Return mixture weights that are the same for all candidates: (K,)."""
    return torch.full((count,), 1 / count)
