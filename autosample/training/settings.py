"""Settings of a training."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import (
    Field,
    model_validator,
)

from autosample.core.bounds import BatchSize, Count, EpochCount, NonNegative, Positive
from autosample.core.config import Config
from autosample.optimizers import OptimizerSpec, ScheduleSpec


def _is_none(value: object) -> bool:
    """Leave out what is not set, so that stored settings of earlier versions remain
    the same text."""
    return value is None


class Training(Config):
    """Settings of one training."""

    epochs: EpochCount = 200
    """Largest number of epochs."""
    batch_size: BatchSize = 1024
    """Training pairs per step."""
    learning_rate: Positive | None = None
    """Learning rate of the optimiser. None: the default of the optimiser if that is
    given, else of the model."""
    optimizer: OptimizerSpec | None = Field(None, exclude_if=_is_none)
    """What takes the steps. None: the model's default."""
    schedule: ScheduleSpec | None = Field(None, exclude_if=_is_none)
    """How the learning rate changes from epoch to epoch. None: it does not."""
    clip: Positive | None = Field(None, exclude_if=_is_none)
    """Largest norm of a step's gradient, over all parameters; a longer gradient is
    shortened. None: no limit."""
    l2: NonNegative | None = None
    """Weight of the l2 penalty: half the squared norm of the embeddings that a pair
    uses is added to its loss, times this. None: the model's default."""
    patience: EpochCount = 20
    """Epochs without a better validation metric after which training stops."""
    valid_users: Count | None = 5000
    """Number of validation users that are ranked after each epoch, a fixed random
    sample. None: all of them."""
    average: bool = Field(False, exclude_if=lambda average: not average)
    """Whether the model is the average of its parameters over the epochs, the later
    ones counting more, instead of those of its best epoch. Early stopping then waits
    until neither the average nor the parameters themselves get better."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device of the training. Equal seeds give equal bytes on a CPU only."""
    seed: int = Field(0, ge=0, lt=2**53)
    """Seed of initial parameters, order of pairs and negatives during the search."""


class WeightLearning(Config):
    """How a supernet's mixture weights are learned."""

    learning_rate: Positive = 0.1
    """Learning rate of Adam for the logits of the weights."""
    every: EpochCount = 4
    """Steps of the model between two steps of the weights."""
    temperature: Positive = 1.0
    """Temperature of the softmax over the logits at the start."""
    final_temperature: Positive = 0.2
    """Temperature of the softmax over the logits at the end, reached geometrically."""

    @model_validator(mode="after")
    def _cools(self) -> Self:
        if self.final_temperature > self.temperature:
            raise ValueError("final_temperature must not exceed temperature")
        return self
