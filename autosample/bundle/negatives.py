"""The chosen sampler in a training loop of one's own, in plain PyTorch.

negatives = Negatives(sampler, users, items, num_users=U, num_items=I)
for epoch in range(epochs):
    negatives.start(user_rows, item_rows, epoch=epoch, epochs=epochs)
    for users_B, items_B in batches:
        drawn = negatives(users_B, items_B)        # (B, N)
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Generator, Tensor

from autosample.core.types import Moment
from autosample.data.interactions import Interactions
from autosample.errors import SpecError
from autosample.models.mf import TableScorer
from autosample.samplers import Observed, Parts, Sampler
from autosample.samplers.context import QueryContext
from autosample.training.supernet.columns import choose
from autosample.training.supernet.kept import Kept


class Drawn(NamedTuple):
    """Negatives of a batch."""

    items: Tensor
    """Item ids, none of them observed for the row's user: (B, N)."""
    weights: Tensor
    """What each counts in the loss; of a row they sum to one, or to the weight that a
    sampler by rank gives the pair: (B, N)."""


class Negatives:
    """Draws negatives for batches of pairs, as a search would have."""

    _scorer: TableScorer
    _moment: Moment

    def __init__(self, sampler: Sampler, pairs: Interactions, *, seed: int = 0) -> None:
        """Take training pairs; raises SpecError on a sampler that makes embeddings
        rather than choosing items (MixGCF, DENS, ANS)."""
        made = [part for part in sampler.all_parts if part.synthesis is not None]
        if made:
            raise SpecError(
                f"{sampler.label} makes embeddings that belong to no item, so there are"
                " no ids to draw; it works inside autosample.search alone"
            )
        self.sampler, self.observed = sampler, Observed(pairs)
        self.rng = Generator().manual_seed(seed)
        self._kept = Kept(sampler.all_parts, self.observed, self.rng)
        self._scorer, self._moment = (
            TableScorer(torch.zeros(0, 1), torch.zeros(0, 1)),
            Moment(),
        )
        self.start(torch.zeros(pairs.num_users, 1), torch.zeros(pairs.num_items, 1))

    @classmethod
    def of_pairs(
        cls,
        sampler: Sampler,
        users: Tensor,
        items: Tensor,
        *,
        num_users: int,
        num_items: int,
        seed: int = 0,
    ) -> Self:
        """Take training pairs as two tensors of ids from 0, (E,) each.

        Raises DataError on ids out of range, and what the class itself raises.
        """
        pairs = Interactions.from_pairs(
            users.numpy(), items.numpy(), num_users=num_users, num_items=num_items
        )
        return cls(sampler, pairs, seed=seed)

    def start(
        self,
        user_rows: Tensor,
        item_rows: Tensor,
        *,
        epoch: int = 0,
        epochs: int = 1,
    ) -> None:
        """Begin an epoch with the model as it stands: rows of users (U, D) and of items
        (I, D), whose inner products are its scores.

        Rows are looked at, not copied: what an optimizer does to them in place is seen
        at the next draw. Of a model that computes them, call this as often as it may
        cost; hard negatives are then as old as the last call.
        """
        self._scorer = TableScorer(user_rows.detach(), item_rows.detach())
        self._moment = Moment(epoch, epochs)
        self._kept.prepare(self._scorer, self.rng)

    @torch.no_grad()
    def __call__(self, users: Tensor, positives: Tensor) -> Drawn:
        """Draw for pairs (B,) and (B,)."""
        parts = self._part()
        context = self._context(users.long(), positives.long())
        [chosen] = choose(self._kept, [parts], context, self.rng)
        return Drawn(chosen.items, chosen.weights)

    def _part(self) -> Parts:
        """Return what draws for a batch: of a mixture one, as likely as its share."""
        leaves = self.sampler.leaves(self._moment)
        if len(leaves) == 1:
            return leaves[0].parts
        shares = torch.tensor([leaf.share for leaf in leaves])
        return leaves[int(shares.multinomial(1, generator=self.rng))].parts

    def _context(self, users_B: Tensor, positives_B: Tensor) -> QueryContext:
        rows_BD = self._scorer.users_UD[users_B]
        positive_BD = self._scorer.items_ID[positives_B]
        return QueryContext(
            users_B=users_B,
            positives_B=positives_B,
            rows_BD=rows_BD,
            positive_scores_B=(rows_BD * positive_BD).sum(1),
            batch_items=positives_B,
            scorer=self._scorer,
            observed=self.observed,
            moment=self._moment,
        )
