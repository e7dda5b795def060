"""What a search finds: a report per candidate, its cost, and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import AliasChoices, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from autosample.core.config import Config
from autosample.core.events import TraceEvent
from autosample.evaluation.significance import Comparison, Estimate
from autosample.samplers import SamplerSpec
from autosample.trials import Request, TrialResult
from autosample.trials.recipe import (
    Candidate,
    RecipeField,
    recipe_or_none,
    sampler_of,
)


class Setting(Config):
    """A sampler and rates, with which a model was trained to early stopping."""

    sampler: SamplerSpec
    """The sampler with its hyperparameters."""
    recipe: RecipeField = None
    """The sampler with what the candidate says of its training; None: nothing."""
    learning_rate: float
    """Learning rate of the training."""
    l2: float
    """Weight of the l2 penalty."""
    valid: Estimate
    """Validation metric at the best epoch."""
    epochs: PositiveInt = Field(validation_alias=AliasChoices("epochs", "passes"))
    """Epochs until early stopping."""

    @property
    def candidate(self) -> Candidate:
        """The recipe, or the bare sampler."""
        return self.recipe or self.sampler

    @property
    def rates(self) -> dict[str, float]:
        """The fields of Training that were tuned."""
        return {"learning_rate": self.learning_rate, "l2": self.l2}


class Tuning(Config):
    """The chosen sampler and uniform sampling, each before and after tuning.

    Measured by the validation metric that they were chosen by, so gains are slightly
    overestimated; `verify` compares them on the test split.
    """

    chosen: Setting
    """The chosen sampler, tuned."""
    chosen_before: Setting
    """The same candidate as the spec lists it, at the usual rates."""
    uniform: Setting
    """Uniform sampling, tuned."""
    uniform_before: Setting
    """Uniform sampling at the usual rates."""
    tried: NonNegativeInt
    """Number of trainings in both studies."""
    stopped: NonNegativeInt
    """Number of trainings that the studies stopped early."""
    tuning_gain: Comparison
    """Chosen sampler after tuning minus before."""
    sampler_gain: Comparison
    """Chosen sampler minus uniform, both tuned."""
    sampler_gain_before: Comparison
    """Chosen sampler minus uniform, both as they were before tuning."""


class Cost(Config):
    """Work that trainings took."""

    seconds: NonNegativeFloat = 0.0
    """Seconds of training and validation, summed over trainings."""
    pair_updates: NonNegativeInt = 0
    """Training pairs times epochs, summed over trainings."""
    epochs: NonNegativeInt = 0
    """Epochs, summed over trainings."""
    reused: NonNegativeInt = 0
    """Number of trainings taken from earlier searches; the cost includes what they
    cost then."""

    def plus(self, results: Sequence[TrialResult]) -> Cost:
        """Return the sum of this cost and that of more trials."""
        return Cost(
            seconds=self.seconds + sum(result.seconds for result in results),
            pair_updates=self.pair_updates + sum(r.pair_updates for r in results),
            # An average of other trainings ranks once and trains no epoch.
            epochs=self.epochs
            + sum(len(result.history) for result in results if not result.trial.merged),
            reused=self.reused + sum(result.reused for result in results),
        )


class Departure(Config):
    """When a candidate left a search, and what was expected of it then."""

    after: PositiveInt
    """Round after which it left."""
    probability: NonNegativeFloat
    """Probability, by the evidence of the rounds until then, that it was the best of
    those that were left and score alike."""


class CandidateReport(Config):
    """How one candidate did in the search."""

    sampler: SamplerSpec
    """The sampler, complete enough to build it."""
    recipe: RecipeField = None
    """The sampler with what the candidate says of its training; None: nothing."""
    name: str
    """The candidate in short."""
    metric: Estimate | None = None
    """Validation metric when it was last measured; None: never."""
    epochs: NonNegativeInt = 0
    """Epochs that its parameters were trained, those of a shared supernet included."""
    versus_uniform: Comparison | None = None
    """Difference from plain uniform sampling after equal training, when both were last
    measured; None: uniform is not among the candidates."""
    versus_uniform_after: PositiveInt | None = None
    """Epochs of each side in `versus_uniform`; None: both were trained to the end."""
    weight: NonNegativeFloat = 0.0
    """Final mixture weight."""
    probability: NonNegativeFloat | None = Field(
        None, exclude_if=lambda probability: probability is None
    )
    """Probability that it is the best of those in the finals; None: it was not in
    them, or the strategy has none."""
    left: Departure | None = Field(None, exclude_if=lambda left: left is None)
    """When it left the rounds before the finals; None: it was in the finals, it failed,
    or the strategy has none."""
    error: str | None = None
    """Why its training failed; None: it did not."""

    @classmethod
    def of(cls, candidate: Candidate, **fields: Any) -> Self:
        """Return the report of a candidate; `fields` are all but its names."""
        return cls(
            sampler=sampler_of(candidate),
            recipe=recipe_or_none(candidate),
            name=candidate.label,
            **fields,
        )

    @property
    def was_beside_uniform(self) -> bool:
        """Whether uniform was measured after as many epochs as this one's last."""
        after = self.versus_uniform_after
        return self.versus_uniform is not None and after in (None, self.epochs)


class Curve(Config):
    """Validation metric of one training over its epochs."""

    name: str
    """Name of the trial: a candidate, or what is trained from it."""
    metric: tuple[float, ...] = ()
    """Validation metric after each epoch."""
    epochs: tuple[int, ...] | None = Field(
        None, exclude_if=lambda epochs: epochs is None
    )
    """Number of each of these epochs; None: they are 1, 2, 3 and so on."""

    @property
    def points(self) -> dict[int, float]:
        """The metric by number of the epoch."""
        numbers = self.epochs or range(1, len(self.metric) + 1)
        return dict(zip(numbers, self.metric, strict=True))

    @classmethod
    def through(cls, name: str, points: Mapping[int, float]) -> Curve:
        """Return the curve through some points."""
        numbers = tuple(sorted(points))
        usual = numbers == tuple(range(1, len(numbers) + 1))
        return cls(
            name=name,
            metric=tuple(points[number] for number in numbers),
            epochs=None if usual else numbers,
        )

    def plus(self, result: TrialResult) -> Curve:
        """Return the curve followed by the epochs of a result."""
        new = {epoch.number: round(epoch.metric, 6) for epoch in result.history}
        return Curve.through(self.name, self.points | new)


@dataclass(frozen=True)
class SearchResult:
    """The winner, the evidence, and the final training or how to run it."""

    chosen: Candidate
    candidates: tuple[CandidateReport, ...]
    final_training: Request | TrialResult
    """The training that continues from the search, still to be run where the spec
    starts warm; or its result, where the search has trained the winner to the end."""
    trace: tuple[TraceEvent, ...]
    cost: Cost
    runner_up: Candidate | None = None
    """The second best candidate; None: there was only one."""
    listed: Candidate | None = None
    """The winner as the spec lists it, where its hyperparameters were tuned."""
    tuning: Tuning | None = None
    """What tuning found; None: nothing was tuned."""
    alone: TrialResult | None = None
    """The winner trained alone from fresh parameters, where the model is an average of
    other trainings too; None: the final training is that."""
    mixture: tuple[tuple[Candidate, float], ...] = ()
    """Candidates whose branches the model is an average of, with their weights; empty:
    the winner alone trained it."""
    curves: tuple[Curve, ...] = ()
    """The curve of each training, in the order in which they began."""
