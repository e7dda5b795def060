"""What a step of training is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, optim

from autosample.core.types import Pairs, Queries
from autosample.models.base import Model
from autosample.training.supernet import StepLoss, Supernet


@dataclass(frozen=True)
class Course:
    """What is trained, on what, and how."""

    model: Model
    supernet: Supernet
    optimizer: optim.Optimizer
    users_E: Tensor
    """Training pairs, as 32-bit ids."""
    items_E: Tensor
    batch_size: int
    l2: float
    rng: Generator
    """What negatives are drawn from."""

    def pairs(self, rows_B: Tensor) -> Pairs:
        """Return training pairs by their row."""
        history = self.supernet.observed.history
        return Pairs(Queries.of_pairs(history, rows_B), self.items_E[rows_B].long())

    def objective(self, step: StepLoss) -> Tensor:
        """Return the mean over pairs of loss plus l2 times penalty."""
        return (step.pairs_B + self.l2 * step.penalty_B).mean()


class Steps(ABC):
    """Takes steps; which way is a matter of cost, not of meaning."""

    batches = 1
    """How many batches one call had better be given."""

    def __init__(self, course: Course) -> None:
        self.course = course

    @abstractmethod
    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        """Train on a batch; returns the sum of its losses, without the penalty."""

    def train(self, rows_X: Tensor, weights_K: Tensor) -> Tensor:
        """Train on pairs by their rows, batch by batch; returns the sum of losses."""
        batches = torch.split(rows_X, self.course.batch_size)
        return torch.stack(
            [self.step(self.course.pairs(rows_B), weights_K) for rows_B in batches]
        ).sum()
