"""What a strategy is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from autosample.core.events import EpochEnded, TraceEvent
from autosample.core.progress import Listener, Progress, Stage, within
from autosample.data.splits import Split
from autosample.experiment.strategies.evidence import Cost, Curve
from autosample.samplers import Sampler
from autosample.spec import SearchSpec
from autosample.training import Epoch
from autosample.trials import Request, Trial, TrialResult, TrialRunner
from autosample.trials.study import (
    Study,
    Tried,
    studied,
)


@dataclass
class Task:
    """One search: the spec, the data, who runs trials, and whom to tell."""

    spec: SearchSpec
    split: Split
    runner: TrialRunner
    tell: Listener
    planned: int = 1
    """Epochs the search will make, as far as is known."""
    done: int = 0
    trace: list[TraceEvent] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)
    counted: dict[str, int] = field(default_factory=dict)
    """Epochs in the cost, by digest of the trial."""
    tried: list[Tried] = field(default_factory=list)
    """Trainings of all studies."""
    curves: dict[str, Curve] = field(default_factory=dict)
    """By name of the trial; of a branch that goes on, all its rungs."""

    def trial(self, name: str, samplers: Sequence[Sampler], **changes: Any) -> Trial:
        """Describe a training of this search; `changes` are fields of Trial."""
        settings = {
            "name": name,
            "model": self.spec.resolved_model,
            "loss": self.spec.loss,
            "candidates": tuple(samplers),
            "relaxation": self.spec.relaxation,
            "training": self.spec.resolved_training,
            "metric": self.spec.metric,
        }
        return Trial(**(settings | changes))

    def run(self, requests: Sequence[Request]) -> list[TrialResult]:
        """Run trials, telling of every epoch; counts their cost."""
        results = self.runner.run(requests, self._on_epoch)
        self._count(results)
        return results

    def study(self, study: Study) -> list[Tried]:
        """Run a study, telling of every epoch; counts its cost."""
        tried = studied(self.runner, study, self._on_epoch)
        self._count([each.result for each in tried])
        self.tried += tried
        return tried

    def _count(self, results: Sequence[TrialResult]) -> None:
        """Add what is new to the cost: a study's training may go on later."""
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
        return min(self.done / max(self.planned, 1), 1.0)

    def _on_epoch(self, trial: Trial, epoch: Epoch) -> None:
        self.done += 1
        self._report(epoch_event(trial, epoch))

    def _report(self, event: TraceEvent | EpochEnded) -> None:
        at = within(Stage.SEARCHING, self.fraction)
        self.tell(Progress(Stage.SEARCHING, at, event))


def epoch_event(trial: Trial, epoch: Epoch) -> EpochEnded:
    """Describe an epoch of a trial to listeners."""
    labels = [sampler.label for sampler in trial.candidates]
    weights = [round(weight, 6) for weight in epoch.weights]
    return EpochEnded(
        trial=trial.name,
        epoch=epoch.number,
        loss=round(epoch.loss, 6),
        metric=round(epoch.metric, 6),
        best=round(epoch.best, 6),
        seconds=round(epoch.seconds, 3),
        pairs=epoch.pair_updates,
        weights=dict(zip(labels, weights, strict=True)) if len(weights) > 1 else None,
    )
