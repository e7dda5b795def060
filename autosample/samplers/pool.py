"""The items one pair's negatives are chosen from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pool:
    """M items for each of B pairs, or the same for all of them."""

    items: Tensor
    """(B, M), or (1, M) where the batch shares them."""

    allowed: Tensor | None
    """(B, M): False where an item is observed for the row's user; None: all allowed."""

    log_q: Tensor | None
    """(B, M) or (1, M): log-probability of drawing the item; None: unknown."""

    @property
    def shared(self) -> bool:
        return self.items.shape[0] == 1

    def first(self, size: int) -> Pool:
        """Return the first columns, a pool of that size in their own right."""
        if size >= self.items.shape[1]:
            return self
        return Pool(
            self.items[:, :size],
            None if self.allowed is None else self.allowed[:, :size],
            None if self.log_q is None else self.log_q[:, :size],
        )


@dataclass(frozen=True)
class ScoredPool:
    """What a choice sees of a pool."""

    size: tuple[int, int]
    """B, M."""

    allowed: Tensor | None
    """(B, M), as in `Pool`."""

    scores: Tensor | None
    """(B, M), without gradient; None where no choice asked for them."""

    device: torch.device

    @property
    def ranked(self) -> Tensor:
        """Scores, with what is not allowed at minus infinity: (B, M)."""
        assert self.scores is not None, "a choice that needs scores did not say so"
        if self.allowed is None:
            return self.scores
        return self.scores.masked_fill(~self.allowed, -torch.inf)

    def equal_weights(self, slots_BN: Tensor) -> Tensor:
        """Weigh the allowed slots of each row alike; zero where none is: (B, N)."""
        if self.allowed is None:
            return torch.full(
                slots_BN.shape, 1 / slots_BN.shape[1], device=slots_BN.device
            )
        allowed_BN = self.allowed.gather(1, slots_BN).float()
        return allowed_BN / allowed_BN.sum(1, keepdim=True).clamp_(min=1)
