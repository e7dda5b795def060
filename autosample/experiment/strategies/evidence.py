"""What tuning found, and what of the gain is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import AliasChoices, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from autosample.core.config import Config
from autosample.core.events import TraceEvent
from autosample.evaluation.significance import Comparison, Estimate
from autosample.samplers import Sampler, SamplerSpec
from autosample.trials import Request, TrialResult


class Setting(Config):
    """A sampler with its rates, trained to early stopping."""

    sampler: SamplerSpec
    learning_rate: float
    l2: float
    valid: Estimate
    """Validation metric at the best epoch."""
    epochs: PositiveInt = Field(validation_alias=AliasChoices("epochs", "passes"))
    """Epochs until early stopping."""

    @property
    def rates(self) -> dict[str, float]:
        """Return the fields of Training that were tuned."""
        return {"learning_rate": self.learning_rate, "l2": self.l2}


class Tuning(Config):
    """Two samplers, each before and after tuning.

    All by the validation metric that they were chosen by, so that gains lean to the
    high side; `verify` sets them beside each other on the test split.
    """

    chosen: Setting
    chosen_before: Setting
    """The same candidate as it was listed, at the usual rates."""
    uniform: Setting
    uniform_before: Setting
    tried: NonNegativeInt
    """Trainings of both studies."""
    stopped: NonNegativeInt
    """Those of them that were stopped early."""
    tuning_gain: Comparison
    """Chosen after minus chosen before."""
    sampler_gain: Comparison
    """Chosen minus uniform, both tuned."""
    sampler_gain_before: Comparison
    """The same, neither tuned."""


class Cost(Config):
    """What work was done."""

    seconds: NonNegativeFloat = 0.0
    """Seconds of training and validation, added over trials."""
    pair_updates: NonNegativeInt = 0
    """Training pairs times epochs."""
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
    """Epochs behind it, shared ones included."""
    versus_uniform: Comparison | None = None
    """Against plain uniform sampling at equal training, where both were last measured;
    None: not among candidates."""
    versus_uniform_after: PositiveInt | None = None
    """Epochs behind each of them then; None: both were trained to their ends."""
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
    """Of the validation split, after each epoch."""

    def plus(self, result: TrialResult) -> Curve:
        """Return it with the epochs of a training that went on."""
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
    trace: tuple[TraceEvent, ...]
    cost: Cost
    runner_up: Sampler | None = None
    """Who came second; None where nobody else did."""
    listed: Sampler | None = None
    """The winner as it was listed, where its settings were tuned."""
    tuning: Tuning | None = None
    """What was tuned and what that gained; None: nothing was."""
    curves: tuple[Curve, ...] = ()
    """How each training went, in the order in which they began."""
