"""From a strategy's settings to its result."""

from __future__ import annotations

from autosample.strategies.base import SearchResult, Task
from autosample.strategies.exhaustive import exhaustive
from autosample.strategies.gradient import mixture
from autosample.strategies.race import race
from autosample.strategies.specs import Exhaustive, Mixture, Race


def search(task: Task) -> SearchResult:
    """Search as the task's spec says."""
    match task.spec.strategy:
        case Race() as settings:
            return race(task, settings)
        case Mixture() as settings:
            return mixture(task, settings)
        case Exhaustive() as settings:
            return exhaustive(task, settings)
