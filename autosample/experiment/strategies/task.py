"""What a strategy is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from autosample.core.config import Config
from autosample.data.splits import Split
from autosample.evaluation.significance import Comparison, Estimate
from autosample.experiment.strategies.evidence import Tuning
from autosample.samplers import Sampler
from autosample.spec import SearchSpec
from autosample.training import Epoch
from autosample.trials import Request, Trial, TrialResult, TrialRunner
from autosample.trials.study import (
    Study,
    Tried,
    studied,
)


class Cost(Config):
    """What work was done."""

    seconds: NonNegativeFloat = 0.0
    """Seconds of training and validation, added over trials."""
    pair_updates: NonNegativeInt = 0
    """Training pairs times passes."""
    epochs: NonNegativeInt = 0
    reused: NonNegativeInt = 0
    """Trainings taken from earlier searches; what they cost then is counted."""

    def plus(self, results: Sequence[TrialResult]) -> Cost:
        """Return this and the cost of more trials."""
        return Cost(
            seconds=self.seconds + sum(result.seconds for result in results),
            pair_updates=self.pair_updates + sum(r.pair_updates for r in results),
            epochs=self.epochs + sum(len(result.history) for result in results),
            reused=self.reused + sum(result.reused for result in results),
        )


class CandidateReport(Config):
    """How one candidate did."""

    sampler: dict[str, Any]
    name: str
    """The sampler in short."""
    metric: Estimate | None = None
    """Validation metric where it was last measured; None: never."""
    epochs: NonNegativeInt = 0
    """Passes behind it, shared ones included."""
    versus_uniform: Comparison | None = None
    """Against plain uniform sampling at equal training, where both were last measured;
    None: not among candidates."""
    versus_uniform_after: PositiveInt | None = None
    """Passes behind each of them then; None: both were trained to their ends."""
    weight: NonNegativeFloat = 0.0
    """Final mixture weight."""
    error: str | None = None
    """Why it ended early."""

    @property
    def was_beside_uniform(self) -> bool:
        """Whether uniform was measured as long as this one in the end."""
        after = self.versus_uniform_after
        return self.versus_uniform is not None and after in (None, self.epochs)


class Curve(Config):
    """How a training went."""

    name: str
    """Of the trial: a candidate, or what is trained from it."""
    metric: tuple[float, ...] = ()
    """Of the validation split, after each pass."""

    def plus(self, result: TrialResult) -> Curve:
        """Return it with the passes of a training that went on."""
        new = tuple(round(epoch.metric, 6) for epoch in result.history)
        return Curve(name=self.name, metric=self.metric + new)


@dataclass(frozen=True)
class SearchResult:
    """The winner, the evidence, and where to go on training from."""

    chosen: Sampler
    candidates: tuple[CandidateReport, ...]
    start: Request | TrialResult
    """The trial to continue when retraining warm, not yet run; or the model itself,
    where the search has trained it to the end."""
    trace: tuple[dict[str, Any], ...]
    cost: Cost
    runner_up: Sampler | None = None
    """Who came second; None where nobody else did."""
    listed: Sampler | None = None
    """The winner as it was listed, where its settings were tuned."""
    tuning: Tuning | None = None
    """What was tuned and what that gained; None: nothing was."""
    curves: tuple[Curve, ...] = ()
    """How each training went, in the order in which they began."""


Tell = Callable[[str, float, Mapping[str, Any]], None]
"""Is called with a kind of event, the share of the search that is done, and data."""


@dataclass
class Task:
    """One search: the spec, the data, who runs trials, and whom to tell."""

    spec: SearchSpec
    split: Split
    runner: TrialRunner
    tell: Tell
    planned: int = 1
    """Passes the search will make, as far as is known."""
    done: int = 0
    trace: list[dict[str, Any]] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)
    counted: dict[str, int] = field(default_factory=dict)
    """Passes in the cost, by digest of the trial."""
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
        """Run trials, telling of every pass; counts their cost."""
        results = self.runner.run(requests, self._on_epoch)
        self._count(results)
        return results

    def study(self, study: Study) -> list[Tried]:
        """Run a study, telling of every pass; counts its cost."""
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

    def note(self, kind: str, **data: Any) -> None:
        """Add to the trace, and tell."""
        self.trace.append({"kind": kind, **data})
        self.tell(kind, self.fraction, data)

    @property
    def fraction(self) -> float:
        return min(self.done / max(self.planned, 1), 1.0)

    def _on_epoch(self, trial: Trial, epoch: Epoch) -> None:
        self.done += 1
        self.tell("epoch", self.fraction, epoch_data(trial, epoch))


def epoch_data(trial: Trial, epoch: Epoch) -> dict[str, Any]:
    """Return what a listener wants to know of a pass."""
    data: dict[str, Any] = {
        "trial": trial.name,
        "epoch": epoch.number,
        "loss": round(epoch.loss, 6),
        "metric": round(epoch.metric, 6),
        "best": round(epoch.best, 6),
        "seconds": round(epoch.seconds, 3),
        "pairs": epoch.pair_updates,
    }
    if len(epoch.weights) > 1:
        labels = [sampler.label for sampler in trial.candidates]
        rounded = [round(weight, 6) for weight in epoch.weights]
        data["weights"] = dict(zip(labels, rounded, strict=True))
    return data
