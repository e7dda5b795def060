"""What a recommender is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Generator, Tensor, nn, optim

from autosample.core.config import Config
from autosample.core.types import Scorer
from autosample.data.interactions import Interactions
from autosample.data.order import Order, PairOrder


class Model(nn.Module, ABC):
    """Trainable parameters, and one forward pass that turns them into a scorer."""

    @abstractmethod
    def forward(self, rng: Generator | None = None) -> Scorer:
        """Return a scorer that holds until the parameters next change.

        With a generator the model is in training: dropout, if any, is drawn from that
        generator and from no other. Without one the pass is deterministic.
        """

    @abstractmethod
    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        """Return the optimiser that suits how this model's gradients are shaped."""

    def order(self, train: Interactions, batch_size: int) -> Order:
        """Return the order in which this model wants to see its training pairs."""
        return PairOrder(train.num_pairs, batch_size)

    @abstractmethod
    def export(self) -> dict[str, Tensor]:
        """Return what scores are made of: `users` (U, D) and `items` (I, D)."""


class ModelConfig(Config, ABC):
    """A model's settings: what a search spec names."""

    paper: ClassVar[str] = ""
    learning_rate: ClassVar[float]
    """What `training.learning_rate` is where the spec leaves it open."""
    l2: ClassVar[float]
    """What `training.l2` is where the spec leaves it open."""
    pace: ClassVar[int] = 3
    """Passes of a race's first round where the spec leaves them open: between a
    thirtieth and a fortieth of an ordinary training."""
    refit: ClassVar[int] = 8
    """Last passes over training and validation pairs where the spec leaves them open:
    about a tenth of an ordinary training."""
    kind: str

    cosine: bool | None = None
    """Scores are cosines, not inner products; null: where the loss asks for it."""

    @property
    def has_cosine(self) -> bool:
        """Whether the angle between its rows is all there is to a score."""
        return True

    @abstractmethod
    def build(self, train: Interactions, rng: Generator) -> Model:
        """Make a model of freshly drawn parameters for one training set, whose scores
        are inner products."""
