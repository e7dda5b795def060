"""Where a pool comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Generator, Tensor

from autosample.config import Config
from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool

ROUNDS = 16
"""Redraws before the exact law is worked out for a row; a user of half the catalogue
is left over once in 65,536 draws."""


class Proposal(Protocol):
    """Draws pools for pairs."""

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        """Draw `size` items for each pair; each is unobserved, or marked not allowed.

        Columns are exchangeable: the first m of them are a pool of m.
        """
        ...


class ProposalConfig(Config, ABC):
    """A proposal's settings; candidates with equal ones share their pools."""

    @abstractmethod
    def build(self, observed: Observed) -> Proposal:
        """Prepare the proposal for one training set."""


def redraw_observed(
    items_BM: Tensor,
    users_B: Tensor,
    observed: Observed,
    draw: Callable[[int], Tensor],
    exact: Callable[[int], Tensor],
) -> Tensor:
    """Replace observed items by new draws until none is left: (B, M).

    `draw(n)` draws n items from the law, `exact(user)` one from the law given that it
    is unobserved. Rejection leaves exactly that conditional law.
    """
    items_BM = items_BM.clone()
    seen = observed.contains(users_B, items_BM).nonzero()  # (X, 2)
    for _ in range(ROUNDS):
        if not len(seen):
            return items_BM
        rows, columns = seen.unbind(1)
        items_BM[rows, columns] = draw(len(seen))
        still = observed.contains(users_B[rows], items_BM[rows, columns][:, None])
        seen = seen[still[:, 0]]
    for row, column in seen.tolist():
        items_BM[row, column] = exact(int(users_B[row]))
    return items_BM


def log_share(weights: Tensor) -> Tensor:
    """Return log(weights), at a floor where a weight is zero."""
    return weights.clamp(min=torch.finfo(weights.dtype).tiny).log()
