"""Run the strategy that a spec names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from autosample.errors import SpecError
from autosample.experiment.strategies.asha import search_with_asha
from autosample.experiment.strategies.evidence import SearchResult
from autosample.experiment.strategies.exhaustive import search_exhaustively
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.mixture import learn_mixture
from autosample.experiment.strategies.plugin import PluginStrategy
from autosample.experiment.strategies.race import race
from autosample.experiment.strategies.soup.search import search_with_soup
from autosample.experiment.strategies.tuning import tune
from autosample.spec.plan import likely_epochs
from autosample.spec.soup import SoupStrategy
from autosample.spec.strategies import Asha, Exhaustive, Mixture, Race
from autosample.spec.strategy import Strategy

OWN: Mapping[type[Strategy], Callable[[Ledger, Any], SearchResult]] = {
    Race: race,
    Mixture: learn_mixture,
    Exhaustive: search_exhaustively,
    Asha: search_with_asha,
    SoupStrategy: search_with_soup,
}
"""The search of each strategy of this package, by the class of its settings. Settings
have no method for it, since the room `spec` may not import this one."""


def search(ledger: Ledger) -> SearchResult:
    """Search as the ledger's spec says, and tune if it says so.

    Raises SearchFailed where no candidate can be trained.
    """
    ledger.planned = likely_epochs(ledger.spec)
    result = _run_strategy(ledger, ledger.spec.resolved_strategy)
    if ledger.spec.tune is not None:
        result = tune(ledger, result)
    return replace(result, curves=tuple(ledger.curves.values()))


def _run_strategy(ledger: Ledger, settings: Strategy) -> SearchResult:
    if isinstance(settings, PluginStrategy):
        return settings.search(ledger)
    for settings_class, search_with in OWN.items():
        if isinstance(settings, settings_class):
            return search_with(ledger, settings)
    raise SpecError(
        f"strategy {settings.kind} does not say how it searches; its class must extend"
        " PluginStrategy"
    )
