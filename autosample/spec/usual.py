"""The usual optimiser, learning rate and l2 of a model under a loss."""

from __future__ import annotations

from typing import NamedTuple

from autosample.losses import Loss
from autosample.models import ModelConfig
from autosample.optimizers import OptimizerConfig


class Usual(NamedTuple):
    """What a training takes where its spec says nothing."""

    optimizer: OptimizerConfig | None
    """None: the model's own."""
    learning_rate: float
    l2: float


def usual_rates(model: ModelConfig, loss: Loss) -> Usual:
    """Return the defaults for a model under a loss."""
    return Usual(None, type(model).learning_rate, type(model).l2)
