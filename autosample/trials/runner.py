"""Who runs trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from autosample.data.splits import Split
from autosample.training import Epoch
from autosample.trials.result import TrialResult
from autosample.trials.trial import Trial


class Request(NamedTuple):
    """A trial to run, and the result it starts from."""

    trial: Trial
    start: TrialResult | None = None


OnEpoch = Callable[[Trial, Epoch], None]
"""Is called after each epoch; raises to stop all trials."""


class TrialRunner(Protocol):
    """Runs independent trials; the answer does not depend on who runs them."""

    @property
    def parallel(self) -> int:
        """How many run at a time."""
        ...

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        """Run trials and return their results in the order of the requests."""
        ...


Runners = Callable[[Split], TrialRunner]
"""Makes the runner of the trials that train on one split."""
