"""Rank the whole catalogue for users, and mark which of the top are held out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from autosample.data.interactions import Bools, Interactions, Ints
from autosample.evaluation.metrics import Metric, Values
from autosample.types import Queries, Scorer

BLOCK = 128  # users: one block of scores stays in the cache, and its buffer is reused


@dataclass(frozen=True)
class Hits:
    """For each user with held-out items, which ranks hold one of them."""

    users_U: Ints
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
        with_any = np.flatnonzero(held_out.degrees_U)
        self.users_U = with_any if users is None else np.intersect1d(users, with_any)
        self.held_out, self.masked = held_out, masked
        self.k = min(k, held_out.num_items)
        self._scores = torch.empty(BLOCK, held_out.num_items)
        self._blocks = [
            self._block(self.users_U[at : at + BLOCK])
            for at in range(0, len(self.users_U), BLOCK)
        ]

    def _block(self, users_U: Ints) -> tuple[Tensor, Tensor, Ints]:
        """Return users, flat positions to mask in a (U, I) block, and the users."""
        starts, ends = (
            self.masked.starts_U1[users_U],
            self.masked.starts_U1[users_U + 1],
        )
        rows = np.repeat(np.arange(len(users_U)), ends - starts)
        pairs = _ranges(starts, ends)
        flat = rows * self.masked.num_items + self.masked.items_E[pairs]
        return torch.from_numpy(users_U), torch.from_numpy(flat), users_U

    @torch.no_grad()
    def hits(self, scorer: Scorer, tick: Callable[[], None] = lambda: None) -> Hits:
        """Rank with a scorer; `tick` is called after each block of users."""
        items_DI = scorer.all_items().T
        found = []
        for users_B, masked, users in self._blocks:
            scores_BI = self._scores[: len(users)].to(items_DI.device)
            torch.mm(scorer.queries(Queries(users_B)).scored, items_DI, out=scores_BI)
            scores_BI.view(-1)[masked] = -torch.inf
            top_BK = scores_BI.topk(self.k, dim=1).indices.cpu().numpy()
            found.append(self.held_out.contains(users, top_BK))
            tick()
        hits_UK = np.concatenate(found) if found else np.zeros((0, self.k), np.bool_)
        return Hits(self.users_U, hits_UK, self.held_out.degrees_U[self.users_U])


def _ranges(starts: Ints, ends: Ints) -> Ints:
    """Concatenate starts[n] .. ends[n] - 1 of all n."""
    counts = ends - starts
    skipped = np.repeat(starts - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    return skipped + np.arange(counts.sum())
