"""The base of all strategies: settings, and how much a search with them will train.

The searches themselves are in `autosample.experiment.strategies`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import floor
from typing import TYPE_CHECKING, ClassVar

from autosample.core.config import Config
from autosample.models import ModelConfig
from autosample.spec.budget import Room
from autosample.spec.plan import PlannedEpochs, most_epochs
from autosample.training.settings import WeightLearning

if TYPE_CHECKING:
    from autosample.spec.search import SearchSpec


class Strategy(Config, ABC):
    """A way of finding the winner; subclasses are named by `kind`."""

    paper: ClassVar[str] = ""
    """Source of the strategy, for the catalogue."""
    trains_to_the_end: ClassVar[bool] = False
    """Whether the search trains its winner to the end, so that no training follows."""
    mixes: ClassVar[bool] = False
    """Whether the search trains all candidates as one mixture."""
    tunes: ClassVar[bool] = False
    """Whether the search itself tunes what the spec's `tune` names."""
    needs_ray: ClassVar[bool] = False
    """Whether it runs on Ray Tune only."""
    budget_share: ClassVar[float] = 0.5
    """Share of a budget that the search may take; the final training has the rest."""
    kind: str

    @abstractmethod
    def planned_epochs(self, spec: SearchSpec) -> list[PlannedEpochs]:
        """Return the epochs that a search with these settings will train."""

    def resolve(self, model: ModelConfig) -> Strategy:
        """Return a copy with the model's defaults filled in."""
        return self

    def shorten(self, ratio: float) -> Strategy:
        """Return a copy that trains about this share of the epochs, at least one of
        each training; itself where it cannot be shortened."""
        return self

    def fit(self, spec: SearchSpec, room: Room) -> SearchSpec | None:
        """Return the spec with this strategy made to fit; None where even the least
        that it must train does not."""
        if room.ratio >= 1:
            return spec
        shorter = spec.model_copy(update={"strategy": self.shorten(room.ratio)})
        # At least an epoch of each training is left, so it may still be too long. It
        # may then also take what the final training would have had.
        takes = most_epochs(shorter) / most_epochs(spec)
        return None if takes > room.ratio / self.budget_share else shorter

    def _shorten_trainings(self, spec: SearchSpec, room: Room) -> SearchSpec | None:
        """Return the spec with shorter trainings; None where not an epoch of each
        fits."""
        epochs = floor(spec.training.epochs * min(room.ratio, 1.0))
        if epochs < 1:
            return None
        training = spec.training.model_copy(update={"epochs": epochs})
        return spec.model_copy(update={"training": training})

    @property
    def weight_learning(self) -> WeightLearning | None:
        """How a supernet's mixture weights are learned; None: they stay equal."""
        return None
