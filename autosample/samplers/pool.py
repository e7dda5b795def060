"""Pools: the items from which a pair's negatives are chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from autosample.samplers.context import QueryContext


@dataclass(frozen=True)
class Pool:
    """M items for each of B pairs, or M items that all pairs share.

    One set of items per sequence is not supported: it would be a third shape, (G, M),
    with the group of each pair.
    """

    items: Tensor
    """(B, M), or (1, M) where the batch shares them."""

    allowed: Tensor | None = None
    """(B, M): False where the row's user has observed the item; None if all are
    allowed."""

    law: Callable[[], Tensor] | None = None
    """Computes `log_q`, only when it is asked for; None if unknown."""

    spread: Tensor | None = None
    """(B, M): standard deviation over past epochs of sigma(s_uj - s_ui); None if
    unknown."""

    @property
    def shared(self) -> bool:
        """Whether all pairs share the items."""
        return self.items.shape[0] == 1

    @property
    def log_q(self) -> Tensor | None:
        """(B, M): log-probability of drawing each item given that it is allowed."""
        return None if self.law is None else self.law()[:, : self.items.shape[1]]

    def first(self, size: int) -> Pool:
        """Return the pool of the first `size` columns; columns are exchangeable."""
        if size >= self.items.shape[1]:
            return self
        return Pool(
            self.items[:, :size],
            None if self.allowed is None else self.allowed[:, :size],
            self.law,
            None if self.spread is None else self.spread[:, :size],
        )


@dataclass(frozen=True)
class ScoredPool:
    """A pool with its scores and the queries it was drawn for: the input of a
    choice."""

    pool: Pool
    scores: Tensor | None
    """(B, M), without gradient; None if no choice asked for them."""
    context: QueryContext

    @property
    def size(self) -> tuple[int, int]:
        """The number of pairs B and the number of items per pair M."""
        return len(self.context.users_B), self.pool.items.shape[1]

    @property
    def allowed(self) -> Tensor | None:
        """(B, M): False where an item is not allowed; None if all are allowed."""
        return self.pool.allowed

    @property
    def ranked(self) -> Tensor:
        """Scores, with minus infinity where an item is not allowed: (B, M)."""
        assert self.scores is not None, "a choice that needs scores did not say so"
        return self.masked(self.scores, -torch.inf)

    def masked(self, values_BM: Tensor, value: float) -> Tensor:
        """Return `values_BM` with `value` in place where an item is not allowed: (B,
        M)."""
        if self.allowed is None:
            return values_BM
        return values_BM.masked_fill(~self.allowed, value)

    def equal_weights(self, slots: Tensor) -> Tensor:
        """Give the allowed slots of each row equal weights that sum to 1: (B, N).

        Slots have shape (B, N), or (1, N) where all rows share them. A row without any
        allowed slot gets zeros.
        """
        rows, count = len(self.context.users_B), slots.shape[1]
        if self.allowed is None:
            return torch.full((rows, count), 1 / count, device=slots.device)
        allowed_BN = self.allowed.gather(1, slots.expand(rows, -1)).float()
        return allowed_BN / allowed_BN.sum(1, keepdim=True).clamp_(min=1)

    def without_top(self, share: float) -> ScoredPool:
        """Return the pool with the highest-scored `share` of each row's allowed items
        marked as not allowed."""
        if share == 0:
            return self
        ranked_BM = self.ranked
        size = ranked_BM.shape[1]
        if self.allowed is None:
            count_B1 = torch.full_like(ranked_BM[:, :1], int(share * size)).long()
        else:
            count_B1 = (share * self.allowed.sum(1, keepdim=True)).long()
        place_BM = ranked_BM.argsort(1, descending=True).argsort(1)
        kept_BM = place_BM >= count_B1
        if self.allowed is not None:
            kept_BM &= self.allowed
        return replace(self, pool=replace(self.pool, allowed=kept_BM))
