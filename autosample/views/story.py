"""The course of a search, so far or to its end, which charts are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from autosample.core.events import (
    EpochEnded,
    Event,
    RungEnded,
    StageBegan,
    WeightsLearned,
)
from autosample.core.progress import Stage
from autosample.experiment.report import Report

Weights = Mapping[str, float]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Story:
    """The course of a search, read from its events or from its report."""

    metric: str
    """Name of the validation metric."""
    candidates: tuple[str, ...] = ()
    """Names of the candidates, in the order of the spec."""
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Validation metric after each epoch of the search, by name of the training."""
    rungs: Sequence[RungEnded] = ()
    """What each rung measured, in order."""
    weights: Sequence[Weights] = ()
    """Weight of each candidate after each epoch of a mixture, by name."""
    training: Sequence[float] = ()
    """Validation metric after each epoch of the final training."""
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
                curve.name: curve.metric for curve in report.curves if curve.metric
            },
            rungs=[event for event in trace if isinstance(event, RungEnded)],
            weights=[e.weights for e in trace if isinstance(e, WeightsLearned)],
            training=report.training.metric,
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
            curves={name: _filled(curve) for name, curve in progress.curves.items()},
            rungs=_in_order(progress.rungs),
            weights=_in_order(progress.weights),
            training=_filled(progress.training),
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

    def add(self, stage: Stage | None, event: Event | None) -> None:
        match event:
            case StageBegan():
                self.candidates = event.candidates or self.candidates
                self.chosen = event.chosen or self.chosen
            case RungEnded():
                self.rungs[event.rung] = event
            case EpochEnded() if stage is Stage.SEARCHING:
                curve = self.curves.setdefault(event.trial, {})
                curve[event.epoch] = event.metric
                if event.weights is not None:
                    self.weights[event.epoch] = event.weights
            case EpochEnded() if stage is Stage.RETRAINING:
                self.training[event.epoch] = event.metric


def _filled(by_epoch: Mapping[int, float]) -> list[float]:
    """Return values by epoch from the first one, with a straight line over epochs that
    were left out of a long story."""
    if not by_epoch:
        return []
    known = sorted(by_epoch)
    epochs = np.arange(known[0], known[-1] + 1)
    values = np.interp(epochs, known, [by_epoch[epoch] for epoch in known])
    return [float(value) for value in values]


def _in_order(by_number: Mapping[int, Value]) -> list[Value]:
    return [by_number[number] for number in sorted(by_number)]
