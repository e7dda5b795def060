"""The course of a search, so far or to its end, which charts are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from autosample.core.events import (
    EpochEnded,
    Event,
    FinalsEnded,
    RungEnded,
    StageBegan,
    WeightsLearned,
)
from autosample.core.progress import Stage
from autosample.experiment.refit import NAME
from autosample.experiment.report import Report

Weights = Mapping[str, float]
Line = Mapping[int, float]
"""Values by number of the epoch, in order."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class Story:
    """The course of a search, read from its events or from its report."""

    metric: str
    """Name of the validation metric."""
    candidates: tuple[str, ...] = ()
    """Names of the candidates, in the order of the spec."""
    curves: Mapping[str, Line] = field(default_factory=dict)
    """Validation metric after the epochs of the search, by name of the training."""
    rungs: Sequence[RungEnded] = ()
    """What each rung measured, in order."""
    finals: FinalsEnded | None = None
    """What the finals measured; None: there were none so far."""
    weights: Sequence[Weights] = ()
    """Weight of each candidate after each epoch of a mixture, by name."""
    training: Line = field(default_factory=dict)
    """Validation metric after the epochs of the final training."""
    chosen: str | None = None
    """Name of the winner, once there is one."""

    @classmethod
    def of_report(cls, report: Report) -> Story:
        """Return the story of a finished search."""
        trace = report.trace
        return cls(
            metric=report.spec.metric,
            candidates=tuple(candidate.name for candidate in report.candidates),
            # A training that fails in its first epoch has no curve.
            curves={
                curve.name: curve.points for curve in report.curves if curve.metric
            },
            rungs=[event for event in trace if isinstance(event, RungEnded)],
            finals=next((e for e in trace if isinstance(e, FinalsEnded)), None),
            weights=[e.weights for e in trace if isinstance(e, WeightsLearned)],
            training=report.training.points,
            chosen=report.chosen_label,
        )

    @classmethod
    def of_events(
        cls, metric: str, events: Iterable[tuple[Stage | None, Event | None]]
    ) -> Story:
        """Return the story of a search from its events, each with its stage.

        Where an epoch or a rung was reached twice, as after a lost attempt, the later
        event counts. None stands for an event that this version does not understand,
        and is skipped. Of a long story some epochs may be left out.
        """
        progress = _Progress()
        for stage, event in events:
            progress.add(stage, event)
        return cls(
            metric=metric,
            candidates=progress.candidates,
            curves={name: _sorted(curve) for name, curve in progress.curves.items()},
            rungs=_in_order(progress.rungs),
            finals=progress.finals,
            weights=_in_order(progress.weights),
            training=_sorted(progress.training),
            chosen=progress.chosen,
        )


@dataclass
class _Progress:
    """A story under construction, its series keyed by number of the epoch or rung."""

    candidates: tuple[str, ...] = ()
    chosen: str | None = None
    curves: dict[str, dict[int, float]] = field(default_factory=dict)
    training: dict[int, float] = field(default_factory=dict)
    rungs: dict[int, RungEnded] = field(default_factory=dict)
    weights: dict[int, Weights] = field(default_factory=dict)
    finals: FinalsEnded | None = None

    def add(self, stage: Stage | None, event: Event | None) -> None:
        match event:
            case StageBegan():
                self.candidates = event.candidates or self.candidates
                self.chosen = event.chosen or self.chosen
            case RungEnded():
                self.rungs[event.rung] = event
            case FinalsEnded():
                self.finals = event
            case EpochEnded() if stage is Stage.SEARCHING:
                curve = self.curves.setdefault(event.trial, {})
                curve[event.epoch] = event.metric
                if event.weights is not None:
                    self.weights[event.epoch] = event.weights
            case EpochEnded() if stage is Stage.RETRAINING:
                if event.trial.startswith(NAME):
                    return  # a refit ranks no validation pairs
                self.training[event.epoch] = event.metric


def _sorted(by_epoch: Line) -> Line:
    return {epoch: by_epoch[epoch] for epoch in sorted(by_epoch)}


def _in_order(by_number: Mapping[int, Value]) -> list[Value]:
    return [by_number[number] for number in sorted(by_number)]
