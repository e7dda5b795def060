"""A strategy of a third party: settings and search in one class."""

from __future__ import annotations

from abc import abstractmethod

from autosample.experiment.strategies.evidence import SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.spec.strategy import Strategy


class PluginStrategy(Strategy):
    """What an entry point in the group `autosample.strategies` names a subclass of.

    Its fields are the settings that a spec gives; `planned_epochs` says how much it
    will train, for progress, forecasts and budgets.
    """

    @abstractmethod
    def search(self, ledger: Ledger) -> SearchResult:
        """Find the winner among `ledger.spec.all_candidates`; the ledger runs trials.

        Raises SearchFailed where no candidate can be trained.
        """
