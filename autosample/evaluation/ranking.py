"""Rank the whole catalogue for users, and mark which of the top are held out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autosample.core.types import History, Queries, Scorer
from autosample.data.history import history_of
from autosample.data.interactions import Bools, Interactions, Ints
from autosample.evaluation.metrics import Metric, Values
from autosample.kernels.top import Lists, empty, look, marked

USERS, ITEMS = 256, 1024
"""Users and items scored together: such a block of scores stays in the cache, where it
is masked and looked through."""


@dataclass(frozen=True)
class Hits:
    """For each user with held-out items, which ranks hold one of them."""

    users_U: Ints
    items_UK: NDArray[np.int32]
    """What stands at each rank; -1 where nothing is left."""
    hits_UK: Bools
    relevant_U: Ints
    """Number of held-out items."""

    def values(self, metric: Metric) -> Values:
        """Return the metric of each user: (U,)."""
        return metric.of(self.hits_UK, self.relevant_U)

    def mean(self, metric: Metric) -> float:
        return float(self.values(metric).mean())

    def means(self, metrics: Iterable[Metric]) -> dict[str, float]:
        return {str(metric): self.mean(metric) for metric in metrics}


class Ranking:
    """Ranks held-out pairs among all items but the masked ones, again and again."""

    def __init__(
        self,
        held_out: Interactions,
        masked: Interactions,
        *,
        k: int,
        users: Ints | None = None,
    ) -> None:
        """Prepare for `users`, by default all with held-out items; K ranks each."""
        held_out, masked = held_out.distinct, masked.distinct
        with_any = np.flatnonzero(held_out.degrees_U)
        self.users_U = with_any if users is None else np.intersect1d(users, with_any)
        self.held_out, self.masked = _lists(held_out), _lists(masked)
        self.relevant_U = held_out.degrees_U[self.users_U]
        self.k = min(k, held_out.num_items)
        self._history = history_of(masked)
        self._scores = torch.empty(USERS * ITEMS)

    @torch.no_grad()
    def hits(self, scorer: Scorer, tick: Callable[[], None] = lambda: None) -> Hits:
        """Rank with a scorer; `tick` is called after each block of users.

        Products run where the scorer is; masking and ranking on the CPU.
        """
        # Blocks of items, each with its rows side by side: products run faster so.
        items = [rows.T.contiguous() for rows in torch.split(scorer.all_items(), ITEMS)]
        shape = (len(self.users_U), self.k)
        found_UK, hits_UK = np.empty(shape, np.int32), np.empty(shape, np.bool_)
        for at in range(0, len(self.users_U), USERS):
            users = self.users_U[at : at + USERS]
            best_BK = self._block(scorer, items, users)
            found_UK[at : at + USERS] = best_BK
            hits_UK[at : at + USERS] = marked(best_BK, users, self.held_out)
            tick()
        return Hits(self.users_U, found_UK, hits_UK, self.relevant_U)

    def _block(self, scorer: Scorer, items: list[Tensor], users: Ints) -> Ints:
        """Return the best items, highest first: (B, K)."""
        device = items[0].device
        history = History(*(part.to(device) for part in self._history))
        users_B = torch.from_numpy(users).to(device)
        rows_BD = scorer.queries(Queries.of_users(history, users_B)).scored
        best, first = empty(users, self.k, self.masked), 0
        for items_DC in items:
            count = items_DC.shape[1]
            if rows_BD.dtype is torch.float32 and rows_BD.device.type == "cpu":
                scores_BC = self._scores[: len(users) * count].view(-1, count)
                torch.mm(rows_BD, items_DC, out=scores_BC)
            else:
                scores_BC = (rows_BD @ items_DC).float().cpu()
            look(best, scores_BC.numpy(), first, users, self.masked)
            first += count
        return best.items


def _lists(pairs: Interactions) -> Lists:
    """Return the items of each user, ascending."""
    return Lists(pairs.starts_U1, pairs.sorted_E)
