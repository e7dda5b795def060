"""A training as a value: what it is a function of, where it ended, who runs it."""

from autosample.trials.trial import (
    OnEpoch,
    Request,
    Start,
    Trial,
    TrialResult,
    TrialRunner,
    fresh_model,
    load_result,
    stored,
)

__all__ = [
    "OnEpoch",
    "Request",
    "Start",
    "Trial",
    "TrialResult",
    "TrialRunner",
    "fresh_model",
    "load_result",
    "stored",
]
