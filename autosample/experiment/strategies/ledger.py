"""The books of a search under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autosample.core.events import EpochEnded, TraceEvent
from autosample.core.progress import Listener, Progress, Stage, silent, within
from autosample.experiment.progress import epoch_event
from autosample.experiment.strategies.evidence import Cost, Curve
from autosample.spec import SearchSpec
from autosample.training import Epoch
from autosample.trials import Request, Trial, TrialResult, TrialRunner
from autosample.trials.study import Study, Tried, run_study


@dataclass
class Ledger:
    """Runs the trials of one search; counts their cost, keeps trace and curves, and
    reports progress."""

    spec: SearchSpec
    runner: TrialRunner
    listener: Listener = silent
    planned: int = 1
    """Epochs that the search will train, as far as is known."""
    done: int = 0
    """Epochs trained so far."""
    trace: list[TraceEvent] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)
    counted: dict[str, int] = field(default_factory=dict)
    """Epochs that `cost` includes, by digest of the trial."""
    tried: list[Tried] = field(default_factory=list)
    """Trainings of all studies."""
    curves: dict[str, Curve] = field(default_factory=dict)
    """Curves by name of the trial; all rungs of a branch are one curve."""

    def run(self, requests: Sequence[Request]) -> list[TrialResult]:
        """Run trials, report each epoch, and add up their cost."""
        results = self.runner.run(requests, self._on_epoch)
        self._count(results)
        return results

    def study(self, study: Study) -> list[Tried]:
        """Run a study, report each epoch, and add up its cost."""
        tried = run_study(self.runner, study, self._on_epoch)
        self._count([training.result for training in tried])
        self.tried += tried
        return tried

    def _count(self, results: Sequence[TrialResult]) -> None:
        """Add to the cost what it does not include yet: a training that a study stopped
        may go on later, and its result then repeats the earlier epochs."""
        for result in results:
            counted = self.counted.get(result.trial.digest, 0)
            new = result.after(counted)
            self.cost = self.cost.plus([new])
            name = result.trial.name
            self.curves[name] = self.curves.get(name, Curve(name=name)).plus(new)
            self.counted[result.trial.digest] = len(result.history)

    def note(self, event: TraceEvent) -> None:
        """Add an event to the trace and report it."""
        self.trace.append(event)
        self._report(event)

    @property
    def fraction(self) -> float:
        """Share of the planned epochs that are trained, 0 to 1."""
        return min(self.done / max(self.planned, 1), 1.0)

    def _on_epoch(self, trial: Trial, epoch: Epoch) -> None:
        self.done += not trial.merged  # which trains no epoch
        self._report(epoch_event(trial, epoch))

    def _report(self, event: TraceEvent | EpochEnded) -> None:
        at = within(Stage.SEARCHING, self.fraction)
        self.listener(Progress(Stage.SEARCHING, at, event))
