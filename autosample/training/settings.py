"""Settings of a training."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from autosample.core.config import Config


class Training(Config):
    """How a model is trained."""

    epochs: PositiveInt = 200
    """Passes over the training pairs at most."""
    batch_size: PositiveInt = 1024
    """Pairs in one step."""
    learning_rate: PositiveFloat | None = None
    """None: what suits the model."""
    l2: NonNegativeFloat | None = None
    """Shrinks the rows a pair uses, in units of its loss; None: suits the model."""
    patience: PositiveInt = 20
    """Epochs without a better validation metric before training stops."""
    valid_users: PositiveInt | None = 5000
    """Validation users ranked after each epoch, a fixed random sample; None: all."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where models are trained. The same seed gives the same bytes on a CPU alone."""
    seed: int = Field(0, ge=0, lt=2**53)
    """What initial parameters, order and negatives come from, in the search."""


class Mixture(Config):
    """Learn the mixture weights by gradient through one step; take the largest."""

    paper: ClassVar[str] = (
        "Lyu et al., 2023, arXiv:2311.03526; gradient: Liu et al., arXiv:1806.09055"
    )
    kind: Literal["mixture"] = "mixture"
    epochs: PositiveInt = 20
    """Passes of the supernet."""
    learning_rate: PositiveFloat = 0.1
    """Adam's, for the logits of the weights."""
    every: PositiveInt = 4
    """Steps of the model to one of the weights."""
    temperature: PositiveFloat = 1.0
    """Of the softmax over logits, at the start."""
    final_temperature: PositiveFloat = 0.2
    """The same at the end; annealed geometrically."""

    @model_validator(mode="after")
    def _cools(self) -> Self:
        if self.final_temperature > self.temperature:
            raise ValueError("final_temperature must not exceed temperature")
        return self
