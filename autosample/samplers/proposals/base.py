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

from autosample.core.config import Config
from autosample.core.types import Scorer
from autosample.kernels.draws import Alias, alias, weighted
from autosample.samplers.context import QueryContext
from autosample.samplers.observed import Observed
from autosample.samplers.pool import Pool
from autosample.samplers.proposals.inverse import Inverse

ROUNDS = 16
"""Redraws before the exact law is worked out for a row; a user of half the catalogue
is left over once in 65,536 draws."""
DEVICE_ROUNDS = 8
"""The same where the host must not wait: what is left over is marked not allowed."""


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
) -> tuple[Tensor, Tensor | None]:
    """Replace observed items by new draws: items (B, M), and which are allowed.

    `draw(rows)` draws an item from the law of each of these rows, `exact(row)` one from
    the row's law given that it is unobserved. Rejection leaves exactly that law.
    """
    if not observed.kernels:
        return _redraw_all(items_BM, users_B, observed, draw)
    items_BM = items_BM.clone()
    seen = observed.contains(users_B, items_BM).nonzero()  # (X, 2)
    for _ in range(ROUNDS):
        if not len(seen):
            return items_BM, None
        rows, columns = seen.unbind(1)
        items_BM[rows, columns] = draw(rows)
        still = observed.contains(users_B[rows], items_BM[rows, columns][:, None])
        seen = seen[still[:, 0]]
    for row, column in seen.tolist():
        items_BM[row, column] = exact(row)
    return items_BM, None


def _redraw_all(
    items_BM: Tensor,
    users_B: Tensor,
    observed: Observed,
    draw: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Draw all anew, again and again, and use it where an item was observed."""
    rows = torch.arange(len(users_B), device=users_B.device)
    rows = rows.repeat_interleave(items_BM.shape[1])
    seen_BM = observed.contains(users_B, items_BM)
    for _ in range(DEVICE_ROUNDS):
        fresh_BM = draw(rows).view_as(items_BM)
        items_BM = torch.where(seen_BM, fresh_BM, items_BM)
        seen_BM = seen_BM & observed.contains(users_B, fresh_BM)
    return items_BM, ~seen_BM


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
        self.log_law_I = log_share(self.law_I)
        self.log_left_U = log_share(1 - observed.taken(self.law_I))

    @cached_property
    def alias(self) -> Alias:
        """The same, for kernels."""
        return alias(self.law_I.numpy())

    @cached_property
    def inverse(self) -> Inverse:
        """The same, for a GPU."""
        return Inverse(self.observed, self.law_I)

    def draw_unobserved(self, users_B: Tensor, size: int, rng: Generator) -> Tensor:
        """Draw items that users have not observed: (B, M)."""
        if not self.observed.kernels:
            return self.inverse.draw(users_B, size, rng)
        seen = self.observed.seen
        drawn = weighted(seen, self.alias, users_B.numpy(), size, next_seed(rng))
        return torch.from_numpy(drawn)

    def log_q(self, users_B: Tensor, items: Tensor) -> Tensor:
        """Return log-probabilities, given that an item is unobserved: (B, M)."""
        left_B1 = self.log_left_U[users_B][:, None]
        return (self.log_law_I[items] - left_B1).float()
