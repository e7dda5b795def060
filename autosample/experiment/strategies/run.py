"""From a strategy's settings to its result."""

from __future__ import annotations

from dataclasses import replace

from autosample.experiment.strategies.asha import asha
from autosample.experiment.strategies.evidence import SearchResult
from autosample.experiment.strategies.exhaustive import exhaustive
from autosample.experiment.strategies.mixture import mixture
from autosample.experiment.strategies.race import race
from autosample.experiment.strategies.task import Task
from autosample.experiment.strategies.tuning import tuned
from autosample.spec.strategies import (
    Asha,
    Exhaustive,
    Race,
)
from autosample.training.settings import Mixture


def search(task: Task) -> SearchResult:
    """Search as the task's spec says, and tune if it says so."""
    found = _searched(task)
    if task.spec.tune is not None:
        found = tuned(task, found)
    return replace(found, curves=tuple(task.curves.values()))


def _searched(task: Task) -> SearchResult:
    match task.spec.resolved_strategy:
        case Race() as settings:
            return race(task, settings)
        case Mixture() as settings:
            return mixture(task, settings)
        case Exhaustive() as settings:
            return exhaustive(task, settings)
        case Asha() as settings:
            return asha(task, settings)
