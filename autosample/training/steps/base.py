"""What all kinds of training steps have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, optim

from autosample.core.types import Pairs, Queries
from autosample.data.order import Batch, Order
from autosample.models.base import Model
from autosample.training.supernet import StepLoss, Supernet


@dataclass(frozen=True)
class Setup:
    """What a training's steps work on: the same from the first step to the last."""

    model: Model
    supernet: Supernet
    optimizer: optim.Optimizer
    users_E: Tensor
    """User of each training pair, as a 32-bit id."""
    items_E: Tensor
    """Item of each training pair, as a 32-bit id."""
    order: Order
    batch_size: int
    l2: float
    rng: Generator
    """Source of chance for negatives and dropout."""
    clip: float | None = None
    """Largest norm of a step's gradient; None: no limit."""

    def pairs(self, batch: Batch) -> Pairs:
        """Return the training pairs of a batch of rows."""
        queries = Queries.of_pairs(self.supernet.observed.history, batch.rows_B)
        items_B = self.items_E[batch.rows_B].long()
        return Pairs(queries, items_B, batch.weights_B)

    def objective(self, step: StepLoss, pairs: Pairs) -> Tensor:
        """Return the weighted mean over pairs of loss plus l2 times penalty."""
        if not self.l2:
            return pairs.weigh(step.pairs_B).mean()
        return pairs.weigh(step.pairs_B + self.l2 * step.penalty_B).mean()


class Steps(ABC):
    """A way to take training steps; ways differ in cost, not in what they compute."""

    batches = 1
    """Number of batches to pass to one call of `train` for best speed."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    @abstractmethod
    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        """Train on a batch; returns the weighted sum of its losses, no penalty."""

    def finish(self) -> None:  # noqa: B027
        """Bring all parameters up to date, before the model is read or stored."""

    def train(self, batches: Sequence[Batch], weights_K: Tensor) -> Tensor:
        """Train on batches in order; returns the sum of what `step` returns."""
        return torch.stack(
            [self.step(self.setup.pairs(batch), weights_K) for batch in batches]
        ).sum()
