"""Averages of a model's parameters over the epochs of a training.

Averaging the end of a trajectory: Polyak and Juditsky, 1992; with more weight on later
points: Shamir and Zhang, ICML 2013, arXiv:1212.1824.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from autosample.core.tensors import State

LATER = 3
"""Power of an epoch's number in its weight, where all epochs count: three quarters of
the weight is in the last 30 % of the epochs."""


class Average:
    """A running mean of a model's parameters, of which each epoch is a point.

    Before epoch `since` it is the last point. From then on it is the mean of the points
    since; without `since` all points count, in proportion to the third power of their
    number. Buffers that are not floating-point numbers are those of the last point.
    """

    def __init__(self, since: int | None = None) -> None:
        self.since = since
        self._mean: State = {}

    def add(self, model: nn.Module, epoch: int) -> None:
        """Add the parameters after an epoch, which is counted from 1."""
        rate = self._rate(epoch)
        for name, tensor in model.state_dict().items():
            if rate < 1 and tensor.is_floating_point():
                self._mean[name].lerp_(tensor, rate)
            else:
                self._mean[name] = tensor.clone()

    def _rate(self, epoch: int) -> float:
        if not self._mean:
            return 1.0
        if self.since is None:
            return (1 + LATER) / (epoch + LATER)
        return 1 / max(epoch - self.since + 1, 1)

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Give the model the mean as its parameters, for a while."""
        own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(self._mean)
        try:
            yield
        finally:
            model.load_state_dict(own)

    def state(self) -> State:
        """Return the mean, by names of the parameters."""
        return self._mean

    def load(self, state: State) -> None:
        """Load what `state` returned."""
        self._mean = {name: tensor.clone() for name, tensor in state.items()}


def average_states(states: Sequence[State], weights: Sequence[float]) -> State:
    """Return the weighted mean of parameters; the weights sum to 1.

    Sums are of 64 bits. What is not a floating-point number is taken from the first.
    """
    return {name: _mean([s[name] for s in states], weights) for name in states[0]}


def _mean(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    first = tensors[0]
    if not first.is_floating_point():
        return first.clone()
    total = torch.zeros_like(first, dtype=torch.float64)
    for tensor, weight in zip(tensors, weights, strict=True):
        total.add_(tensor, alpha=weight)
    return total.to(first.dtype)
