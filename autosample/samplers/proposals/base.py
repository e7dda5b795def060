"""The interface of proposals, and what several of them share."""

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
from autosample.samplers.proposals.unobserved import UnobservedLaw

ROUNDS = 16
"""Redraws of an observed item before its row's exact distribution is computed. For a
user who has observed half the catalogue that happens once in 65,536 draws."""
DEVICE_ROUNDS = 8
"""Redraws on a GPU, where the host must not wait for a count of observed items; an item
that is still observed afterwards is marked as not allowed."""


class Proposal(Protocol):
    """Draws pools of items for pairs."""

    def draw(self, context: QueryContext, size: int, rng: Generator) -> Pool:
        """Draw `size` items for each pair, unobserved or marked as not allowed.

        Columns are exchangeable: the first m of them are a pool of size m.
        """
        ...


@runtime_checkable
class Prepared(Protocol):
    """A proposal that follows the model and is brought up to date before each epoch."""

    def prepare(self, scorer: Scorer, rng: Generator) -> None:
        """Update what items are drawn from to the current model."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return the tensors that `prepare` builds on, for a checkpoint."""
        ...

    def load(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        ...


class ProposalConfig(Config, ABC):
    """Settings of a proposal; candidates with equal settings share their pools."""

    knows_log_q: ClassVar[bool] = True
    """Whether its pools have the log-probability of each item."""
    knows_spread: ClassVar[bool] = False
    """Whether its pools have the variation of each item's scores over past epochs."""
    remembers_users: ClassVar[bool] = False
    """Whether it scores items for each user at the end of the training history, and
    draws by these scores; refused for models that read histories."""
    kind: str

    @property
    def most_pool(self) -> int | None:
        """The largest pool that it can draw; None if there is no limit."""
        return None

    @abstractmethod
    def build(self, observed: Observed) -> Proposal:
        """Return the proposal for a training split."""


def redraw_observed(
    items_BM: Tensor,
    users_B: Tensor,
    observed: Observed,
    draw: Callable[[Tensor], Tensor],
    exact: Callable[[int], Tensor],
) -> tuple[Tensor, Tensor | None]:
    """Replace observed items by new draws; return items (B, M) and which are allowed.

    `draw(rows)` draws one item for each of these rows, observed or not; `exact(row)`
    draws an item for a row given that it is unobserved. Rejecting observed items leaves
    exactly that conditional distribution. None means that all items are allowed.
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
    """Redraw all items in each round and use a redraw where the item was observed.

    Shapes are fixed, so that the host need not wait for the GPU.
    """
    rows = torch.arange(len(users_B), device=users_B.device)
    rows = rows.repeat_interleave(items_BM.shape[1])
    seen_BM = observed.contains(users_B, items_BM)
    for _ in range(DEVICE_ROUNDS):
        fresh_BM = draw(rows).view_as(items_BM)
        items_BM = torch.where(seen_BM, fresh_BM, items_BM)
        seen_BM = seen_BM & observed.contains(users_B, fresh_BM)
    return items_BM, ~seen_BM


def next_seed(rng: Generator) -> np.uint64:
    """Return the seed of a kernel's next call."""
    return np.uint64(next_seeds(1, rng)[0])


def next_seeds(count: int, rng: Generator) -> NDArray[np.uint64]:
    """Return the seeds that `count` calls of `next_seed` would return."""
    seeds = torch.randint(2**62, (count,), generator=rng).numpy()
    return seeds.astype(np.uint64)


def log_share(weights: Tensor) -> Tensor:
    """Return log(weights), bounded below where a weight is zero."""
    return weights.clamp(min=torch.finfo(weights.dtype).tiny).log()


class Law:
    """A distribution over items, the same for all users but for their observed items,
    which are excluded."""

    def __init__(self, observed: Observed, weights_I: Tensor) -> None:
        self.observed = observed
        self.law_I = (weights_I / weights_I.sum()).double()
        self.log_law_I = log_share(self.law_I)
        self.log_left_U = log_share(1 - observed.taken(self.law_I))

    @cached_property
    def alias(self) -> Alias:
        """The distribution as a table for kernels."""
        return alias(self.law_I.numpy())

    @cached_property
    def unobserved(self) -> UnobservedLaw:
        """The distribution given that an item is unobserved, for draws on a GPU."""
        return UnobservedLaw(self.observed, self.law_I)

    def draw_unobserved(self, users_B: Tensor, size: int, rng: Generator) -> Tensor:
        """Draw `size` items for each user, none of which the user has observed: (B,
        M)."""
        if not self.observed.kernels:
            return self.unobserved.draw(users_B, size, rng)
        seen = self.observed.seen
        items_BM = weighted(seen, self.alias, users_B.numpy(), size, next_seed(rng))
        return torch.from_numpy(items_BM)

    def log_q(self, users_B: Tensor, items: Tensor) -> Tensor:
        """Return log-probabilities of items given that they are unobserved: (B, M)."""
        left_B1 = self.log_left_U[users_B][:, None]
        return (self.log_law_I[items] - left_B1).float()
