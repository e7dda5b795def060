"""How many epochs a search will train, as far as its spec says."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from autosample.spec.search import SearchSpec

LIKELY = 3
"""Epochs of a training until early stopping, in units of its patience: a rule of thumb
from the shared data sets."""


class Trainee(StrEnum):
    """What is trained for some epochs; it decides what one of them costs."""

    SUPERNET = "supernet"
    EACH = "each candidate"
    ANY = "any candidate"
    """Not known in advance which candidate: their mean cost is taken."""


class PlannedEpochs(NamedTuple):
    """Epochs that a search plans to train."""

    trainee: Trainee
    trials: int
    """Trainings of so many epochs, which may run at the same time."""
    likely: int
    """Epochs of each training, if it stops as early as trainings usually do."""
    most: int
    """Most epochs of each training."""


def likely_epochs(spec: SearchSpec) -> int:
    """Return about how many epochs the search will train, to measure its progress."""
    return sum(planned.trials * planned.likely for planned in plan_search(spec))


def most_epochs(spec: SearchSpec) -> int:
    """Return how many epochs the search trains at most."""
    return sum(planned.trials * planned.most for planned in plan_search(spec))


def plan_search(spec: SearchSpec) -> list[PlannedEpochs]:
    """Return what the strategy will train, and what tuning will."""
    return spec.resolved_strategy.planned_epochs(spec) + _plan_tuning(spec)


def _plan_tuning(spec: SearchSpec) -> list[PlannedEpochs]:
    """Return the studies of the finalists and of uniform, and both of them untuned."""
    if spec.tune is None:
        return []
    studies = 1 if spec.strategy.tunes else 2  # it has tuned the candidates already
    study = spec.study_settings.planned_study(spec, spec.tune.samples)
    return [study] * studies + [ordinary_training(spec, Trainee.ANY, 2)]


def plan_retraining(spec: SearchSpec, refits: int = 1) -> list[PlannedEpochs]:
    """Return the final training, unless the search includes it, and the refits: one, or
    two where the model that is handed over is trained on the test pairs too."""
    epochs = spec.resolved_refit
    branches = refits * spec.refit_branches
    refit = [PlannedEpochs(Trainee.ANY, branches, epochs, epochs)] if epochs else []
    if spec.strategy.trains_to_the_end or spec.tune is not None:
        return refit
    return [ordinary_training(spec, Trainee.ANY, 1), *refit]


SMALL = 200_000
"""Training pairs up to which the baseline is trained under two seeds instead of one."""


def plan_baseline(spec: SearchSpec, pairs: int) -> list[PlannedEpochs]:
    """Return the trainings of the baseline on so many training pairs."""
    return [ordinary_training(spec, Trainee.ANY, 2 if pairs <= SMALL else 1)]


def plan_verification(spec: SearchSpec) -> list[PlannedEpochs]:
    """Return the trainings of winner, uniform and runner-up, if the spec verifies."""
    if not spec.verify:
        return []
    trials = min(3, len(spec.all_candidates) + 1) * len(spec.seeds)
    return [ordinary_training(spec, Trainee.ANY, trials)]


def ordinary_training(
    spec: SearchSpec, trainee: Trainee, trials: int = 1
) -> PlannedEpochs:
    """Return the epochs of trainings from scratch to early stopping."""
    training = spec.training
    likely = min(training.epochs, LIKELY * training.patience)
    return PlannedEpochs(trainee, trials, likely, training.epochs)
