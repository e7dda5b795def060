"""A training as a value: what it is a function of, where it ended, who runs it."""

from autosample.trials.result import TrialResult, load_result, load_stored
from autosample.trials.runner import OnEpoch, Request, Runners, TrialRunner
from autosample.trials.trial import Start, Trial, fresh_model

__all__ = [
    "OnEpoch",
    "Request",
    "Runners",
    "Start",
    "Trial",
    "TrialResult",
    "TrialRunner",
    "fresh_model",
    "load_result",
    "load_stored",
]
