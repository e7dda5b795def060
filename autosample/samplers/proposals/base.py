"""Where a pool comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from autosample.config import Config
from autosample.kernels.draws import Alias, alias, weighted
from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.types import Scorer

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


@runtime_checkable
class Prepared(Protocol):
    """A proposal that follows the model: it looks at it before each pass."""

    def prepare(self, scorer: Scorer, rng: Generator) -> None:
        """Bring up to date what is drawn from."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return what `prepare` builds on, for a checkpoint."""
        ...

    def load(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
        ...


class ProposalConfig(Config, ABC):
    """A proposal's settings; candidates with equal ones share their pools."""

    knows_log_q: ClassVar[bool] = True
    """Whether its pools tell how likely each item was."""
    knows_spread: ClassVar[bool] = False
    """Whether its pools tell how much each item's scores varied."""
    kind: str

    @property
    def most_pool(self) -> int | None:
        """The largest pool it can draw; None: any."""
        return None

    @abstractmethod
    def build(self, observed: Observed) -> Proposal:
        """Prepare the proposal for one training set."""


def redraw_observed(
    items_BM: Tensor,
    users_B: Tensor,
    observed: Observed,
    draw: Callable[[Tensor], Tensor],
    exact: Callable[[int], Tensor],
) -> Tensor:
    """Replace observed items by new draws until none is left: (B, M).

    `draw(rows)` draws an item from the law of each of these rows, `exact(row)` one from
    the row's law given that it is unobserved. Rejection leaves exactly that law.
    """
    items_BM = items_BM.clone()
    seen = observed.contains(users_B, items_BM).nonzero()  # (X, 2)
    for _ in range(ROUNDS):
        if not len(seen):
            return items_BM
        rows, columns = seen.unbind(1)
        items_BM[rows, columns] = draw(rows)
        still = observed.contains(users_B[rows], items_BM[rows, columns][:, None])
        seen = seen[still[:, 0]]
    for row, column in seen.tolist():
        items_BM[row, column] = exact(row)
    return items_BM


def next_seed(rng: Generator) -> np.uint64:
    """Return what a kernel draws its randomness from; `next_seeds` gives many."""
    return np.uint64(next_seeds(1, rng)[0])


def next_seeds(count: int, rng: Generator) -> NDArray[np.uint64]:
    """Return what that many calls of `next_seed` would."""
    seeds = torch.randint(2**62, (count,), generator=rng).numpy()
    return seeds.astype(np.uint64)


def log_share(weights: Tensor) -> Tensor:
    """Return log(weights), at a floor where a weight is zero."""
    return weights.clamp(min=torch.finfo(weights.dtype).tiny).log()


class Law:
    """A law over items that is the same for everybody, and how likely its draws are."""

    def __init__(self, observed: Observed, weights_I: Tensor) -> None:
        self.observed = observed
        self.law_I = (weights_I / weights_I.sum()).double()
        self.cumulative_I = self.law_I.cumsum(0)
        self.log_law_I = log_share(self.law_I)
        self.log_left_U = log_share(1 - observed.taken(self.law_I))

    @cached_property
    def alias(self) -> Alias:
        """The same, for kernels."""
        return alias(self.law_I.numpy())

    def draw_unobserved(self, users_B: Tensor, size: int, rng: Generator) -> Tensor:
        """Draw items that users have not observed, on a CPU: (B, M)."""
        seen = self.observed.seen
        drawn = weighted(seen, self.alias, users_B.numpy(), size, next_seed(rng))
        return torch.from_numpy(drawn)

    def draw(self, count: int, rng: Generator) -> Tensor:
        """Invert the cumulative law; the last item takes what rounding leaves."""
        law = self.cumulative_I
        chance = torch.rand(count, dtype=torch.double, generator=rng, device=law.device)
        items_X = torch.searchsorted(law, chance * law[-1], right=True)
        return items_X.clamp_(max=len(law) - 1)

    def draw_exact(self, user: int, rng: Generator) -> Tensor:
        """Draw one item that a user has not observed."""
        law_I = self.law_I
        if not law_I.clone().index_fill_(0, self.observed.items_of(user), 0).any():
            # Every likely item is the user's own: fall back on the others, alike.
            law_I = torch.ones_like(law_I)
        left_I = self.observed.unobserved_weights(user, law_I)
        return left_I.multinomial(1, generator=rng)[0]

    def log_q(self, users_B: Tensor, items: Tensor) -> Tensor:
        """Return log-probabilities, given that an item is unobserved: (B, M)."""
        left_B1 = self.log_left_U[users_B][:, None]
        return (self.log_law_I[items] - left_B1).float()
