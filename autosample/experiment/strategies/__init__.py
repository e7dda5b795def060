"""How a winner is found: one algorithm per file, and what the algorithms share.

A package adds a strategy by an entry point in the group `autosample.strategies` that
names a subclass of `PluginStrategy`.
"""

from autosample.experiment.strategies.evidence import CandidateReport, SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.plugin import PluginStrategy
from autosample.spec.plan import PlannedEpochs, Trainee

__all__ = [
    "CandidateReport",
    "Ledger",
    "PlannedEpochs",
    "PluginStrategy",
    "SearchResult",
    "Trainee",
]
