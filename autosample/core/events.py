"""What happens in a search: one class per kind of event.

The JSON of an event is a promise: jobs store it, the API serves it, and a report's
trace is made of it. Every kind that is emitted is a class of `SearchEvent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args

from pydantic import (
    AliasChoices,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
)

from autosample.core.config import Config


def _is_none(value: object) -> bool:
    return value is None


Value = TypeVar("Value")
Optional: TypeAlias = Annotated[Value | None, Field(exclude_if=_is_none)]
"""A field that the JSON leaves out where it is None."""


class Event(Config, extra="ignore"):
    """Something that happened; each kind is a class of its own."""

    kind: str


class StageBegan(Event):
    """A search has entered a stage."""

    kind: Literal["stage"] = "stage"
    candidates: Optional[tuple[str, ...]] = None
    """Names of the candidates that compete; only as the search stage begins."""
    chosen: Optional[str] = None
    """Name of the winning sampler; only as its final training begins."""


class EpochEnded(Event):
    """A training has gone through its training pairs once more."""

    kind: Literal["epoch"] = "epoch"
    trial: str
    """Name of the training: a candidate, or what is trained from it."""
    epoch: PositiveInt
    """Number of the epoch within its training, from 1."""
    loss: float
    """Mean training loss of this epoch."""
    metric: float
    """Validation metric after this epoch."""
    best: float
    """Best validation metric of this training so far."""
    seconds: NonNegativeFloat = 0.0
    """Seconds that training and validation took."""
    pairs: NonNegativeInt = 0
    """Training pairs of this epoch."""
    weights: Optional[dict[str, float]] = None
    """Mixture weight of each candidate, where several are trained at once."""


class Tick(Event):
    """Work goes on and has nothing to tell; never stored."""

    kind: Literal["tick"] = "tick"


class RungEnded(Event):
    """Candidates were measured, and the best of them go on."""

    kind: Literal["rung"] = "rung"
    rung: PositiveInt
    """Number of the rung, from 1."""
    kept: tuple[str, ...]
    """Names of the candidates that go on."""
    metrics: dict[str, float]
    """Validation metric of each candidate that was measured in this rung."""
    intervals: Optional[dict[str, tuple[float, float]]] = None
    """Both ends of each metric's 95 % confidence interval over users."""
    weights: Optional[dict[str, float]] = None
    """Mixture weight of each candidate after this rung; zero once it has left."""
    errors: Optional[dict[str, str]] = None
    """Error message of each candidate that has failed so far."""
    tried: Optional[NonNegativeInt] = None
    """Number of trainings that the search has begun."""
    stopped: Optional[NonNegativeInt] = None
    """Number of trainings that the search has stopped early."""

    @property
    def lost(self) -> list[str]:
        """Names of the candidates that were measured and do not go on."""
        return [name for name in self.metrics if name not in self.kept]


class FinalsEnded(Event):
    """The finalists were trained from fresh parameters to their end."""

    kind: Literal["finals"] = "finals"
    metrics: dict[str, float]
    """Validation metric of each finalist at the best epoch of its parameters, before
    they are averaged."""
    intervals: dict[str, tuple[float, float]]
    """Both ends of each metric's 95 % confidence interval over users."""


class WinnerRefined(Event):
    """Variants of the winner were trained as long as it was."""

    kind: Literal["refined"] = "refined"
    tried: dict[str, float]
    """Validation metric of each variant."""
    kept: str
    """Name of the best sampler: a variant, or the winner itself."""


class MetricMean(Config, extra="ignore"):
    """Mean of a metric over cases, with its 95 % confidence interval over users."""

    mean: float
    """Mean over cases: users, or held-out interactions if each of them is a case."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    users: NonNegativeInt
    """Number of users."""
    cases: Optional[NonNegativeInt] = None
    """Number of cases, where a user has several."""


class SupernetTrained(Event):
    """The model that all candidates share was trained."""

    kind: Literal["supernet"] = "supernet"
    metric: MetricMean
    """Validation metric of the shared model."""


class WeightsLearned(Event):
    """Mixture weights after an epoch; only in the trace of a report."""

    kind: Literal["weights"] = "weights"
    epoch: PositiveInt
    """Number of the epoch, from 1."""
    weights: dict[str, float]
    """Mixture weight of each candidate."""


class TunedSampler(Config, extra="ignore"):
    """A sampler with the best hyperparameters that tuning found for it."""

    sampler: dict[str, Any]
    """The sampler's settings, complete enough to build it."""
    learning_rate: float
    """Learning rate of the training."""
    l2: float
    """Weight of the l2 penalty."""
    valid: MetricMean
    """Validation metric at the best epoch."""
    epochs: PositiveInt = Field(validation_alias=AliasChoices("epochs", "passes"))
    """Epochs until early stopping."""


class Tuned(Event):
    """Hyperparameters of the winner and of uniform sampling were tuned."""

    kind: Literal["tuned"] = "tuned"
    chosen: TunedSampler
    """The winner of the search."""
    uniform: TunedSampler
    """Uniform sampling, tuned as much as the winner."""


class Note(Event):
    """A remark in words."""

    kind: Literal["note"] = "note"
    text: str
    """What people should know."""


TraceEvent = (
    RungEnded
    | FinalsEnded
    | WinnerRefined
    | SupernetTrained
    | WeightsLearned
    | Tuned
    | Note
)
"""What a report remembers of its search."""

StoredEvent = (
    StageBegan
    | EpochEnded
    | RungEnded
    | FinalsEnded
    | WinnerRefined
    | SupernetTrained
    | Tuned
    | Note
)
"""What a job stores of its search."""

SearchEvent = StoredEvent | WeightsLearned | Tick

KINDS: Mapping[str, type[SearchEvent]] = {
    event.model_fields["kind"].default: event for event in get_args(SearchEvent)
}
"""Classes of a search's events by kind."""

AnyEvent = TypeVar("AnyEvent", bound=Event)


def read_event(
    kind: str, data: Mapping[str, Any], kinds: Mapping[str, type[AnyEvent]]
) -> AnyEvent | None:
    """Return a stored event; None if this version cannot read it."""
    try:
        return kinds[kind].model_validate(data)
    except (KeyError, ValidationError):
        return None
