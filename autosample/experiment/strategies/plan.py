"""What a strategy is going to train, as far as its settings tell."""

from __future__ import annotations

from enum import StrEnum
from math import ceil, log
from typing import NamedTuple

from autosample.spec import SearchSpec
from autosample.spec.strategies import (
    Asha,
    Exhaustive,
    Race,
)
from autosample.training.settings import Mixture

LIKELY = 3
"""Epochs of a training to early stopping, in units of its patience: a rule of thumb
from the shared data sets."""


class What(StrEnum):
    """Whose epochs they are."""

    SUPERNET = "supernet"
    EACH = "each candidate"
    ANY = "any candidate"
    """Not known in advance which: the mean of all costs is taken."""


class PlannedEpochs(NamedTuple):
    """Some epochs over the training pairs."""

    what: What
    trials: int
    """How many trainings make them, at the same time where there is room."""
    likely: int
    """Epochs of one of them."""
    most: int


def likely_epochs(spec: SearchSpec) -> int:
    """Return about how many epochs the search will make, for its progress."""
    return sum(each.trials * each.likely for each in searching(spec))


def searching(spec: SearchSpec) -> list[PlannedEpochs]:
    """Return what the search will train, and what tuning will."""
    return _searching(spec) + _tuning(spec)


def _searching(spec: SearchSpec) -> list[PlannedEpochs]:
    count = len(spec.samplers)
    match spec.resolved_strategy:
        case Race() as race:
            return _racing(race, count)
        case Mixture() as mixture:
            return [PlannedEpochs(What.SUPERNET, 1, mixture.epochs, mixture.epochs)]
        case Asha() as asha:
            return [_halving(spec, asha, spec.tune.samples if spec.tune else count)]
        case Exhaustive():
            return [_whole(spec, What.EACH, count * len(spec.seeds))]


def _tuning(spec: SearchSpec) -> list[PlannedEpochs]:
    """Return the studies of the finalists and of uniform, and both as listed."""
    if spec.tune is None:
        return []
    searched = isinstance(spec.strategy, Asha)  # of the finalists, as it searched
    asha = spec.strategy if isinstance(spec.strategy, Asha) else Asha()
    studies = [_halving(spec, asha, spec.tune.samples)] * (1 if searched else 2)
    return [*studies, _whole(spec, What.ANY, 2)]


def _halving(spec: SearchSpec, asha: Asha, count: int) -> PlannedEpochs:
    """Each milestone stops all but one in `reduction`, so that between two of them all
    together make as many epochs as to the first."""
    most = spec.training.epochs
    rungs = log(max(most / asha.grace, 1), asha.reduction)
    likely = asha.grace * (1 + rungs * (1 - 1 / asha.reduction))
    return PlannedEpochs(What.ANY, count, min(ceil(likely), most), most)


def _racing(race: Race, count: int) -> list[PlannedEpochs]:
    planned = []
    if race.warmup and count > 1:
        planned.append(PlannedEpochs(What.SUPERNET, 1, race.warmup, race.warmup))
    what = What.EACH
    for left, rung in zip(race.fields(count), race.rungs or (), strict=True):
        planned.append(PlannedEpochs(what, left, rung.epochs, rung.epochs))
        what = What.ANY
        if rung.keep == 1:
            break
    return planned


def retraining(spec: SearchSpec) -> list[PlannedEpochs]:
    """Return the final training, which some searches have made already, and its last
    epochs on all pairs."""
    epochs = spec.resolved_refit
    last = [PlannedEpochs(What.ANY, 1, epochs, epochs)] if epochs else []
    if isinstance(spec.strategy, Exhaustive | Asha) or spec.tune is not None:
        return last
    return [_whole(spec, What.ANY, 1), *last]


def verifying(spec: SearchSpec) -> list[PlannedEpochs]:
    """Return the trainings of winner, uniform and runner-up, where asked for."""
    if not spec.verify:
        return []
    return [_whole(spec, What.ANY, min(3, len(spec.samplers) + 1) * len(spec.seeds))]


def _whole(spec: SearchSpec, what: What, trials: int) -> PlannedEpochs:
    training = spec.training
    likely = min(training.epochs, LIKELY * training.patience)
    return PlannedEpochs(what, trials, likely, training.epochs)
