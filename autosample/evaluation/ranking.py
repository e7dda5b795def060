"""Rank the whole catalogue for each case, and mark which of the top are right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autosample.core.types import History, Queries, Scorer
from autosample.data.interactions import Bools, Ints
from autosample.evaluation.cases import Cases
from autosample.evaluation.metrics import Metric, Values
from autosample.kernels.top import empty, look, marked

CASES, ITEMS = 256, 1024
"""Cases and items scored together: such a block of scores stays in the cache, where it
is masked and searched."""


@dataclass(frozen=True)
class Hits:
    """The K best items of each of Q cases, and which of them are right answers."""

    owners_Q: Ints
    """The user of each case."""
    items_QK: NDArray[np.int32]
    """The item at each rank; -1 where no item is left."""
    hits_QK: Bools
    """Whether the item at each rank is a right answer."""
    relevant_Q: Ints
    """Number of right answers."""

    def values(self, metric: Metric) -> Values:
        """Return the metric of each case: (Q,)."""
        return metric.of(self.hits_QK, self.relevant_Q)

    def mean(self, metric: Metric) -> float:
        return float(self.values(metric).mean())

    def means(self, metrics: Iterable[Metric]) -> dict[str, float]:
        return {str(metric): self.mean(metric) for metric in metrics}


class Ranking:
    """Ranks the same cases with one scorer after another."""

    def __init__(self, cases: Cases, *, k: int) -> None:
        """Prepare to rank; `k` ranks per case, or as many as there are items."""
        self.cases, self.k = cases, k
        self._scores = torch.empty(CASES * ITEMS)

    @torch.no_grad()
    def hits(self, scorer: Scorer, tick: Callable[[], None] = lambda: None) -> Hits:
        """Rank with a scorer; `tick` is called after each block of cases.

        Products run where the scorer is; masking and ranking run on the CPU.
        """
        # Blocks of items, each with its rows side by side: products run faster so.
        all_items_ID = scorer.all_items()
        blocks = [rows.T.contiguous() for rows in torch.split(all_items_ID, ITEMS)]
        queries = _on(self.cases.queries, all_items_ID.device)
        cases, k = self.cases, min(self.k, len(all_items_ID))
        items_QK = np.empty((len(cases), k), np.int32)
        hits_QK = np.empty((len(cases), k), np.bool_)
        for first in range(0, len(cases), CASES):
            block = slice(first, first + CASES)
            rows_BD = scorer.queries(_part(queries, block)).scored
            best_BK = self._best(rows_BD, blocks, cases.owners_Q[block], k)
            at_B = np.arange(first, first + len(best_BK))
            items_QK[block] = best_BK
            hits_QK[block] = marked(best_BK, at_B, cases.relevant)
            tick()
        return Hits(cases.owners_Q, items_QK, hits_QK, cases.relevant_Q)

    def _best(
        self, rows_BD: Tensor, blocks: list[Tensor], owners_B: Ints, k: int
    ) -> Ints:
        """Return the best items that are not masked, highest first: (B, K)."""
        masked = self.cases.masked
        best, first = empty(owners_B, k, masked), 0
        for items_DC in blocks:
            count = items_DC.shape[1]
            if rows_BD.dtype is torch.float32 and rows_BD.device.type == "cpu":
                scores_BC = self._scores[: len(owners_B) * count].view(-1, count)
                torch.mm(rows_BD, items_DC, out=scores_BC)
            else:
                scores_BC = (rows_BD @ items_DC).float().cpu()
            look(best, scores_BC.numpy(), first, owners_B, masked)
            first += count
        return best.items


def _on(queries: Queries, device: torch.device) -> Queries:
    history = History(*(tensor.to(device) for tensor in queries.history))
    return queries._replace(
        users_B=queries.users_B.to(device),
        ends_B=queries.ends_B.to(device),
        history=history,
    )


def _part(queries: Queries, block: slice) -> Queries:
    return queries._replace(
        users_B=queries.users_B[block], ends_B=queries.ends_B[block]
    )
