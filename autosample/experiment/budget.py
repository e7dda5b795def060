"""Keep to a budget: shorten a search before it starts, then limit what follows it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import ceil, floor, inf
from typing import NamedTuple

from pydantic import PositiveInt

from autosample.core.config import Config
from autosample.data.splits import Split
from autosample.errors import SpecError
from autosample.experiment.forecast import Forecast, forecast
from autosample.spec import SearchSpec
from autosample.spec.budget import Budget, Room
from autosample.spec.plan import most_epochs, plan_retraining
from autosample.spec.strategies import StrategySpec
from autosample.trials import Request

REFIT_PART = 4
"""The refit may take at most 1/REFIT_PART of the budget left for the final training."""


class Shortened(Config):
    """What a search did less than its spec asks for, to keep to its budget."""

    strategy: StrategySpec
    """The strategy as it was run."""
    epochs: PositiveInt
    """Most epochs of a training, `training.epochs`, as it was run."""


class Plan(NamedTuple):
    """A search as it is going to be run."""

    asked: SearchSpec
    """The spec that was asked for."""
    spec: SearchSpec
    """The spec that is run: the one that was asked for, or a shorter one."""
    shortened: Shortened | None
    """How it differs from what was asked for; None: it does not."""
    forecast: Forecast | None
    """Likely costs of what was asked for; None without a budget."""
    spending: Spending | None
    """The budget, which limits what follows the search; None without one."""


def plan_within_budget(spec: SearchSpec, split: Split, parallel: int) -> Plan:
    """Shorten a search to its budget, where it has one.

    Raises SpecError where not even one epoch of everything fits.
    """
    if spec.budget is None:
        return Plan(spec, spec, None, None, None)
    again = spec.hands_over_all(test_file=split.test_file)
    everything = split.everything.num_pairs if again else 0
    spending = Spending(spec, split.train.num_pairs, split.known.num_pairs, everything)
    expected = forecast(spec, split, parallel)
    shorter = spending.shorten(expected)
    shortened = None
    if shorter != spec:
        strategy, epochs = shorter.resolved_strategy, shorter.training.epochs
        shortened = Shortened(strategy=strategy, epochs=epochs)
    return Plan(spec, shorter, shortened, expected, spending)


@dataclass
class Spending:
    """A budget while it is spent."""

    spec: SearchSpec
    pairs: int
    """Training pairs, which are the pair updates of one epoch."""
    known: int
    """Training and validation pairs, which are the pair updates of one epoch of the
    refit."""
    everything: int = 0
    """All pairs, where the refit is done anew over them; 0: it is not."""
    began: float = field(default_factory=time.monotonic)

    @property
    def budget(self) -> Budget:
        """The spec's budget."""
        assert self.spec.budget is not None
        return self.spec.budget

    def shorten(self, forecast: Forecast | None) -> SearchSpec:
        """Return the spec with as many epochs as the budget has room for.

        A forecast is needed where seconds are limited. Raises SpecError where not even
        one epoch of everything fits.
        """
        room = self._room(forecast)
        shorter = self.spec.resolved_strategy.fit(self.spec, room)
        if shorter is None:
            raise SpecError(
                f"the budget allows {room.ratio:.1%} of the search as planned, which is"
                " less than one epoch of everything; raise it, or name fewer candidates"
            )
        return shorter

    def _room(self, forecast: Forecast | None) -> Room:
        """Return what the budget leaves for the search."""
        ratio, epochs, seconds = inf, None, None
        share = self.spec.strategy.budget_share
        if self.budget.pair_updates is not None:
            updates = share * self.budget.pair_updates
            ratio = updates / (most_epochs(self.spec) * self.pairs)
            epochs = floor(updates / self.pairs)
        if self.budget.seconds is not None:
            assert forecast is not None
            seconds = share * self.budget.seconds
            ratio = min(ratio, seconds / max(forecast.search.seconds, 1e-9))
        return Room(ratio, epochs, seconds)

    def limit_final(self, request: Request, spent_updates: int) -> Request:
        """Return the final training within what is left, at least one epoch of it."""
        trial = request.trial
        epochs, seconds = trial.own_epochs, trial.seconds
        if self.budget.pair_updates is not None:
            left = (self.budget.pair_updates - spent_updates) // self.pairs
            refit = ceil(self.spec.epochs_of_refit * self.growth)
            left -= min(refit, left // REFIT_PART)
            epochs = max(left, 1)
        if self.budget.seconds is not None:
            seconds = self._seconds_left(self.budget.seconds)
        seconds = seconds and seconds * (1 - self._refit_share)
        limits = {"own_epochs": epochs, "seconds": seconds}
        return request._replace(trial=trial.model_copy(update=limits))

    def limit_refit(self, spent_updates: int) -> tuple[int, float | None]:
        """Return the epochs that are left for each branch of the refit, none where
        nothing is, and the seconds for all of them."""
        epochs, seconds = self.spec.resolved_refit, None
        if self.budget.pair_updates is not None:
            left = self.budget.pair_updates - spent_updates
            epoch = self.spec.refit_branches * (self.known + self.everything)
            epochs = min(epochs, max(left // epoch, 0))
        if self.budget.seconds is not None:
            seconds = self._seconds_left(self.budget.seconds)
            seconds *= self.known / (self.known + self.everything)
            epochs = epochs if seconds > 0 else 0
        return epochs, seconds

    @property
    def growth(self) -> float:
        """Length of an epoch of the refits, in epochs over the training pairs."""
        return (self.known + self.everything) / self.pairs

    @property
    def _refit_share(self) -> float:
        """Share of the final training's time that the refits need."""
        planned = sum(stage.likely for stage in plan_retraining(self.spec))
        refit = self.growth * self.spec.epochs_of_refit
        share = refit / max(planned, 1)
        return min(share, 1 / REFIT_PART)

    def _seconds_left(self, seconds: float) -> float:
        return max(seconds - (time.monotonic() - self.began), 0.0)
