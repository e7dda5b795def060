"""From a strategy's settings to its result."""

from __future__ import annotations

from dataclasses import replace

from autosample.strategies.asha import asha
from autosample.strategies.base import SearchResult, Task
from autosample.strategies.exhaustive import exhaustive
from autosample.strategies.gradient import mixture
from autosample.strategies.race import race
from autosample.strategies.specs import Asha, Exhaustive, Mixture, Race
from autosample.strategies.tuned import tuned


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
