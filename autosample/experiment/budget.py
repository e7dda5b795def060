"""Keeping to a budget: fewer epochs of the same search, decided before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import ceil, floor, inf

from autosample.errors import SpecError
from autosample.experiment.forecast import Forecast
from autosample.experiment.strategies.plan import retraining, searching
from autosample.spec import SearchSpec
from autosample.spec.strategies import (
    Asha,
    Exhaustive,
    Race,
)
from autosample.training.settings import Mixture
from autosample.trials import Request

SHARE = 0.5
"""Of a budget, what the search may take; the final training has the rest."""
LAST = 4
"""Of what is left for the final training, its last epochs on all known pairs have one
part in so many at most."""


@dataclass
class Spending:
    """A budget while it is spent."""

    spec: SearchSpec
    pairs: int
    """Training pairs: the pair-updates of an epoch."""
    known: int
    """The same with validation pairs."""
    began: float = field(default_factory=time.monotonic)

    def fitted(self, forecast: Forecast | None) -> SearchSpec:
        """Return the spec with as many epochs as the budget has room for.

        A forecast is needed where seconds are limited. Raises SpecError where not even
        one epoch of everything fits.
        """
        if isinstance(self.spec.strategy, Asha):
            return self._limited(self.spec.strategy)
        spec, ratio = self.spec, self._room(forecast)
        if ratio >= 1:
            return spec
        if isinstance(spec.strategy, Exhaustive):
            epochs = floor(spec.training.epochs * ratio)
            self._check(epochs, ratio)
            training = spec.training.model_copy(update={"epochs": epochs})
            return spec.model_copy(update={"training": training})
        strategy = spec.resolved_strategy
        assert isinstance(strategy, Race | Mixture)
        shorter = _shorter(strategy, ratio)
        fewer = spec.model_copy(update={"strategy": shorter})
        # Rungs keep one epoch each, so the shortest search may still be too long; it
        # may then take what the final training would have had, but one epoch.
        over = self._epochs(fewer) / self._epochs(spec) > ratio / SHARE
        self._check(0 if over else 1, ratio)
        return fewer

    def _limited(self, asha: Asha) -> SearchSpec:
        """Return the spec with limits for Ray Tune to keep to."""
        budget = self.spec.budget
        assert budget is not None
        limits: dict[str, float] = {}
        if budget.pair_updates is not None:
            epochs = floor(SHARE * budget.pair_updates / self.pairs)
            needed = asha.grace * len(self.spec.samplers)
            self._check(epochs - needed, epochs / needed)
            limits["total_epochs"] = min(epochs, asha.total_epochs or epochs)
        if budget.seconds is not None:
            seconds = SHARE * budget.seconds
            limits["seconds"] = min(seconds, asha.seconds or seconds)
        strategy = asha.model_copy(update=limits)
        return self.spec.model_copy(update={"strategy": strategy})

    def _room(self, forecast: Forecast | None) -> float:
        """Return what part of the search as planned the budget allows."""
        budget = self.spec.budget
        assert budget is not None
        share = 1.0 if isinstance(self.spec.strategy, Exhaustive) else SHARE
        limits = [inf]
        if budget.pair_updates is not None:
            planned = self._epochs(self.spec) * self.pairs
            limits.append(share * budget.pair_updates / planned)
        if budget.seconds is not None:
            assert forecast is not None
            limits.append(share * budget.seconds / max(forecast.search.seconds, 1e-9))
        return min(limits)

    def _epochs(self, spec: SearchSpec) -> int:
        return sum(each.trials * each.most for each in searching(spec))

    def _check(self, epochs: int, ratio: float) -> None:
        if epochs < 1:
            raise SpecError(
                f"the budget allows {ratio:.1%} of the search as planned, which is less"
                " than one epoch of everything; raise it, or name fewer candidates"
            )

    def final(self, request: Request, spent_updates: int) -> Request:
        """Return the final training within what is left, at least one epoch of it."""
        budget = self.spec.budget
        assert budget is not None
        trial = request.trial
        epochs, seconds = trial.own_epochs, trial.seconds
        if budget.pair_updates is not None:
            left = (budget.pair_updates - spent_updates) // self.pairs
            last = ceil(self.spec.resolved_refit * self.growth)
            left -= min(last, left // LAST)
            epochs = max(left, 1)
        if budget.seconds is not None:
            seconds = self._seconds_left(budget.seconds)
        seconds = seconds and seconds * (1 - self._last_share)
        changed = trial.model_copy(update={"own_epochs": epochs, "seconds": seconds})
        return request._replace(trial=changed)

    def last(self, spent_updates: int) -> tuple[int, float | None]:
        """Return what epochs over all known pairs are left, and the seconds for them;
        no epoch where nothing is."""
        budget, epochs, seconds = self.spec.budget, self.spec.resolved_refit, None
        assert budget is not None
        if budget.pair_updates is not None:
            left = budget.pair_updates - spent_updates
            epochs = min(epochs, max(left // self.known, 0))
        if budget.seconds is not None:
            seconds = self._seconds_left(budget.seconds)
            epochs = epochs if seconds > 0 else 0
        return epochs, seconds

    @property
    def growth(self) -> float:
        """Return an epoch over all known pairs in epochs over the training pairs."""
        return self.known / self.pairs

    @property
    def _last_share(self) -> float:
        """Return what part of the final training's time its last epochs need."""
        planned = [each.likely for each in retraining(self.spec)]
        share = self.growth * self.spec.resolved_refit / max(sum(planned), 1)
        return min(share, 1 / LAST)

    def _seconds_left(self, seconds: float) -> float:
        return max(seconds - (time.monotonic() - self.began), 0.0)


def _shorter(strategy: Race | Mixture, ratio: float) -> Race | Mixture:
    if isinstance(strategy, Mixture):
        return strategy.model_copy(update={"epochs": _fewer(strategy.epochs, ratio)})
    rungs = tuple(
        rung.model_copy(update={"epochs": _fewer(rung.epochs, ratio)})
        for rung in strategy.rungs or ()
    )
    warmup = floor(strategy.warmup * ratio)
    return strategy.model_copy(update={"warmup": warmup, "rungs": rungs})


def _fewer(epochs: int, ratio: float) -> int:
    return max(floor(epochs * ratio), 1)
