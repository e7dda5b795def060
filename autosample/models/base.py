"""The interface of recommenders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from torch import Generator, nn, optim

from autosample.core.config import Config
from autosample.core.types import Refresh, Scorer
from autosample.data.interactions import Interactions
from autosample.data.order import Order, PairOrder
from autosample.losses import Loss
from autosample.optimizers.base import OptimizerConfig


class Model(nn.Module, ABC):
    """Trainable parameters, and a forward pass that turns them into a scorer."""

    @abstractmethod
    def forward(self, rng: Generator | None = None) -> Scorer:
        """Return a scorer that holds until the parameters next change.

        With a generator the model is in training: dropout, if any, is drawn from that
        generator and from no other. Without one the pass is deterministic.
        """

    @abstractmethod
    def optimizer(self, learning_rate: float) -> optim.Optimizer:
        """Return the optimiser that suits this model's gradients, sparse or dense."""

    @property
    def lagging(self) -> Sequence[nn.Parameter]:
        """Tables of items' rows of which a step reads and changes few, so that an
        optimiser may let the others lag behind; kernels then step them row by row."""
        return ()

    def forward_lagging(self, rng: Generator, refresh: Refresh) -> Scorer:
        """Return what `forward` does in training, but that `refresh` is called with the
        items whose rows are about to be read. Needed where `lagging` has tables."""
        raise NotImplementedError

    def order(self, train: Interactions, batch_size: int) -> Order:
        """Return the order in which this model wants to see its training pairs."""
        return PairOrder(train.num_pairs, batch_size)


class Usual(NamedTuple):
    """What a training takes where its spec says nothing."""

    optimizer: OptimizerConfig | None
    """None: the model's own."""
    learning_rate: float
    l2: float


class ModelConfig(Config, ABC):
    """Settings of a model, as a search spec names them."""

    paper: ClassVar[str] = ""
    """Source of the model, for the catalogue."""
    learning_rate: ClassVar[float]
    """Default of `training.learning_rate`."""
    l2: ClassVar[float]
    """Default of `training.l2`."""
    pace: ClassVar[int] = 3
    """Default number of epochs in a race's first round: between a thirtieth and a
    fortieth of an ordinary training."""
    refit: ClassVar[int] = 8
    """Default number of epochs of the refit on training and validation pairs: about a
    tenth of an ordinary training."""
    refit_branches: ClassVar[int] = 4
    """Trainings of the refit under seeds of their own, whose average is the returned
    model: more of them gain more where a model's tables are free, little where a graph
    ties them together."""
    reads_history: ClassVar[bool] = False
    """Whether scores depend on the history of the query, not on its user alone."""
    kind: str

    cosine: bool | None = None
    """Whether scores are cosines, not inner products. Null: as the loss needs it."""

    @property
    def has_cosine(self) -> bool:
        """Whether scores can be cosines; false if they have parts such as biases."""
        return True

    def usual(self, loss: Loss) -> Usual:
        """Return the defaults of trainings under a loss."""
        return Usual(None, self.learning_rate, self.l2)

    @abstractmethod
    def build(self, train: Interactions, rng: Generator) -> Model:
        """Return a model for a training set, with freshly drawn parameters.

        Its scores are inner products. It must not store histories: a query brings the
        history that it may read, which at test time includes the validation pairs.
        """
