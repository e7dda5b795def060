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
"""Passes of a training to early stopping, in units of its patience: a rule of thumb
from the shared data sets."""


class What(StrEnum):
    """Whose passes they are."""

    SUPERNET = "supernet"
    EACH = "each candidate"
    ANY = "any candidate"
    """Not known in advance which: the mean of all costs is taken."""


class Passes(NamedTuple):
    """Some passes over the training pairs."""

    what: What
    trials: int
    """How many trainings make them, at the same time where there is room."""
    likely: int
    """Passes of one of them."""
    most: int


def likely_passes(spec: SearchSpec) -> int:
    """Return about how many passes the search will make, for its progress."""
    return sum(each.trials * each.likely for each in searching(spec))


def searching(spec: SearchSpec) -> list[Passes]:
    """Return what the search will train, and what tuning will."""
    return _searching(spec) + _tuning(spec)


def _searching(spec: SearchSpec) -> list[Passes]:
    count = len(spec.samplers)
    match spec.resolved_strategy:
        case Race() as race:
            return _racing(race, count)
        case Mixture() as mixture:
            return [Passes(What.SUPERNET, 1, mixture.epochs, mixture.epochs)]
        case Asha() as asha:
            return [_halving(spec, asha, spec.tune.samples if spec.tune else count)]
        case Exhaustive():
            return [_whole(spec, What.EACH, count * len(spec.seeds))]


def _tuning(spec: SearchSpec) -> list[Passes]:
    """Return the studies of the finalists and of uniform, and both as listed."""
    if spec.tune is None:
        return []
    searched = isinstance(spec.strategy, Asha)  # of the finalists, as it searched
    asha = spec.strategy if isinstance(spec.strategy, Asha) else Asha()
    studies = [_halving(spec, asha, spec.tune.samples)] * (1 if searched else 2)
    return [*studies, _whole(spec, What.ANY, 2)]


def _halving(spec: SearchSpec, asha: Asha, count: int) -> Passes:
    """Each milestone stops all but one in `reduction`, so that between two of them all
    together make as many passes as to the first."""
    most = spec.training.epochs
    rungs = log(max(most / asha.grace, 1), asha.reduction)
    likely = asha.grace * (1 + rungs * (1 - 1 / asha.reduction))
    return Passes(What.ANY, count, min(ceil(likely), most), most)


def _racing(race: Race, count: int) -> list[Passes]:
    planned = []
    if race.warmup and count > 1:
        planned.append(Passes(What.SUPERNET, 1, race.warmup, race.warmup))
    what = What.EACH
    for left, rung in zip(race.fields(count), race.rungs or (), strict=True):
        planned.append(Passes(what, left, rung.epochs, rung.epochs))
        what = What.ANY
        if rung.keep == 1:
            break
    return planned


def retraining(spec: SearchSpec) -> list[Passes]:
    """Return the final training, which some searches have made already, and its last
    passes on all pairs."""
    passes = spec.resolved_refit
    last = [Passes(What.ANY, 1, passes, passes)] if passes else []
    if isinstance(spec.strategy, Exhaustive | Asha) or spec.tune is not None:
        return last
    return [_whole(spec, What.ANY, 1), *last]


def verifying(spec: SearchSpec) -> list[Passes]:
    """Return the trainings of winner, uniform and runner-up, where asked for."""
    if not spec.verify:
        return []
    return [_whole(spec, What.ANY, min(3, len(spec.samplers) + 1) * len(spec.seeds))]


def _whole(spec: SearchSpec, what: What, trials: int) -> Passes:
    training = spec.training
    likely = min(training.epochs, LIKELY * training.patience)
    return Passes(what, trials, likely, training.epochs)
