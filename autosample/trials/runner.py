"""What runs trials: its interface, and what it is asked to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from autosample.data.splits import Split
from autosample.training import Epoch
from autosample.trials.result import TrialResult
from autosample.trials.trial import Trial


class Request(NamedTuple):
    """A trial to run, and the results that it needs."""

    trial: Trial
    start: TrialResult | None = None
    """The result that it starts from; None: fresh parameters."""
    parts: tuple[TrialResult, ...] = ()
    """The results that it averages, in the order of `trial.merged`."""

    @property
    def sources(self) -> tuple[TrialResult, ...]:
        """All results that it needs, in the order of `trial.sources`."""
        return (() if self.start is None else (self.start,)) + self.parts

    @classmethod
    def from_sources(cls, trial: Trial, sources: Sequence[TrialResult]) -> Request:
        """Return the request of a trial whose sources are these."""
        start, parts = None, tuple(sources)
        if trial.start is not None:
            start, *rest = sources
            parts = tuple(rest)
        return cls(trial, start, parts)


OnEpoch = Callable[[Trial, Epoch], None]
"""A callback after each epoch; it raises to stop all trials."""


class TrialRunner(Protocol):
    """Runs independent trials; results do not depend on which runner ran them."""

    @property
    def parallel(self) -> int:
        """Number of trials that run at a time."""
        ...

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        """Run trials and return their results in the order of the requests."""
        ...


Runners = Callable[[Split], TrialRunner]
"""Makes the runner of the trials that train on one split."""
