"""The items one pair's negatives are chosen from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from autosample.samplers.context import QueryContext


@dataclass(frozen=True)
class Pool:
    """M items for each of B pairs, or the same for all of them."""

    items: Tensor
    """(B, M), or (1, M) where the batch shares them."""

    allowed: Tensor | None = None
    """(B, M): False where an item is observed for the row's user; None: all allowed."""

    law: Callable[[], Tensor] | None = None
    """Gives `log_q`, worked out only where something asks for it; None: unknown."""

    spread: Tensor | None = None
    """(B, M): how much each item's chance to beat a positive varied; None: unknown."""

    @property
    def shared(self) -> bool:
        return self.items.shape[0] == 1

    @property
    def log_q(self) -> Tensor | None:
        """(B, M): log-probability of drawing each item, given that it is allowed."""
        return None if self.law is None else self.law()[:, : self.items.shape[1]]

    def first(self, size: int) -> Pool:
        """Return the first columns, a pool of that size in their own right."""
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
    """What a choice sees: a pool, its scores, and the pairs it was drawn for."""

    pool: Pool
    scores: Tensor | None
    """(B, M), without gradient; None where no choice asked for them."""
    context: QueryContext

    @property
    def size(self) -> tuple[int, int]:
        """B, M."""
        return len(self.context.users_B), self.pool.items.shape[1]

    @property
    def allowed(self) -> Tensor | None:
        """(B, M), as in `Pool`."""
        return self.pool.allowed

    @property
    def ranked(self) -> Tensor:
        """Scores, with what is not allowed at minus infinity: (B, M)."""
        assert self.scores is not None, "a choice that needs scores did not say so"
        return self.masked(self.scores, -torch.inf)

    def masked(self, values_BM: Tensor, value: float) -> Tensor:
        """Return values with another one where an item is not allowed: (B, M)."""
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
        """Return it with the best-scored share of each row's items not allowed."""
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
